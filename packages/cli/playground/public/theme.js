// Runs before anything is painted, so that a chosen theme does not begin with a flash of the other one.
(() => {
  const theme = localStorage.getItem('bothways.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
})();
