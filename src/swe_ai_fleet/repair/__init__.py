"""Program repair without a model: localisation, families of edits, search."""
