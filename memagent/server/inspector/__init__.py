"""Inspector: a page that shows, mends and erases what is remembered."""
