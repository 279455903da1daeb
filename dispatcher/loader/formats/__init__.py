"""How each kind of file becomes tables: one file a format, each claims a file, opens it and yields rows of cells."""
