"""The content of data, told by fingerprints: folders walked, files hashed, unchanged ones not read again."""
