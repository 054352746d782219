// A new visitor starts with an empty storage.
for (const key of Object.keys(localStorage)) {
  if (key.startsWith("edgewise")) localStorage.removeItem(key);
}
