//! Sets the colours that the user chose before anything is painted: the one script of the page that is not a module.

try {
  const chosen = localStorage.getItem("stoa:theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden here: the system's colours it is.
}
