"""Learning from what readers like and communities chose: texts and arrays in, arrays out."""
