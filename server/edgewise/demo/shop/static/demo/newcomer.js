// A newcomer's browser has stored nothing. What a former visitor's page has yet to tell stays: it is theirs, and names them.
for (const key of Object.keys(localStorage)) {
  if (key.startsWith("edgewise") && !key.startsWith("edgewise.q")) localStorage.removeItem(key);
}
