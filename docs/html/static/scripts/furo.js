// In place of the theme's own script, which Debian 12 ships in a form that browsers refuse, beside a
// style sheet that does not look at what the reader prefers: light and dark, and the button for them.
document.documentElement.classList.remove("no-js");
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => {
  document.body.dataset.theme = localStorage.getItem("theme") || (dark.matches ? "dark" : "light");
};
follow();
dark.addEventListener("change", follow);
for (const button of document.getElementsByClassName("theme-toggle")) {
  button.addEventListener("click", () => {
    localStorage.setItem("theme", document.body.dataset.theme === "dark" ? "light" : "dark");
    follow();
  });
}
