"""`vigie evaluate`: detection measured on labelled data, one protocol a file, one report."""
