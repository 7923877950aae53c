/* What the theme leaves out for those who do not see the page, or use it without a mouse. */
(function () {
  "use strict";

  /** Let the title above the table of contents be part of a landmark, as all else is. */
  function nameTitle() {
    const title = document.querySelector(".bd-sidebar-primary .navbar-brand");
    const item = title && title.closest(".sidebar-primary-item");
    if (item) {
      item.setAttribute("role", "region");
      item.setAttribute("aria-label", "Title");
    }
  }

  /** Let buttons be called by the words that they show, and pictures on them have none. */
  function nameButtons() {
    document.querySelectorAll(".search-button-field").forEach(function (button) {
      button.setAttribute("aria-label", button.textContent.replace(/\s+/g, " ").trim());
    });
    document.querySelectorAll(".theme-switch-button .theme-switch").forEach(function (picture) {
      picture.removeAttribute("title");
      picture.removeAttribute("aria-labelledby");
      picture.setAttribute("aria-hidden", "true");
      picture.querySelectorAll("title").forEach(function (title) { title.remove(); });
    });
  }

  /** Say what the arrows in the table of contents unfold. */
  function nameArrows() {
    document.querySelectorAll(".bd-sidebar-primary li.has-children > details > summary")
      .forEach(function (arrow) {
        const parent = arrow.closest("li").querySelector("a");
        arrow.setAttribute("aria-label", "Pages under " + parent.textContent.trim());
      });
  }

  /** Let what scrolls sideways be reached, and so scrolled, by the keyboard. */
  function reachScrollers() {
    document.querySelectorAll("main *").forEach(function (box) {
      const wide = box.scrollWidth > box.clientWidth + 1;
      const flow = wide && getComputedStyle(box).overflowX;
      const scrolls = flow === "auto" || flow === "scroll";
      if (scrolls && box.tabIndex < 0) {
        box.tabIndex = 0;
        box.dataset.reached = "";
        if (!box.hasAttribute("role")) {
          box.setAttribute("role", "group");
          box.setAttribute("aria-label", "Scrolls sideways");
        }
      } else if (!wide && "reached" in box.dataset) {
        box.removeAttribute("tabindex");
        delete box.dataset.reached;
      }
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    nameTitle();
    nameButtons();
    nameArrows();
    // Not the window's size: the text goes on changing its own while the sidebars slide.
    const text = document.querySelector("main article") || document.querySelector("main");
    new ResizeObserver(reachScrollers).observe(text);
  });
  // Formulas are set, and tables unfolded, when the page is there already.
  window.addEventListener("load", function () {
    nameButtons();
    reachScrollers();
  });
  document.addEventListener("toggle", reachScrollers, true);
})();
