"""Out: the command line, one thin function a command."""
