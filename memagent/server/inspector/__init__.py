"""Inspector: the page on which a memory is read, searched, corrected and erased."""
