"""One deliberation as a page for the browser, made from its events alone."""
