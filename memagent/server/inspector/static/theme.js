// Colour scheme that was chosen, set before the first paint; the system's own if none was.
try {
  const theme = localStorage.getItem("memagent.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's scheme holds.
}
