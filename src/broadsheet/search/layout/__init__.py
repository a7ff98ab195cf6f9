"""The map: papers in two dimensions by what they say, and the regions they form."""
