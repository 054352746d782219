// A newcomer's browser has stored nothing yet.
for (const key of Object.keys(localStorage)) {
  if (key.startsWith("edgewise")) localStorage.removeItem(key);
}
