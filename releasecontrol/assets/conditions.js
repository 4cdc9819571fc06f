// "Add another condition" adds a row in the page. Without this script the button asks the server for more.
"use strict";
(() => {
  for (const frame of document.querySelectorAll("[data-conditions]")) {
    const prefix = frame.dataset.prefix;
    const total = frame.closest("form").elements[`${prefix}-TOTAL_FORMS`];
    const row = frame.querySelector("template");
    const button = frame.querySelector("button[name=_more]");
    if (!button) continue; // there are as many as there may be
    const status = frame.querySelector("[role=status]");

    // Only attributes and the row's number carry the place; what people typed is not touched.
    const numbered = (part, place) => {
      for (const element of part.querySelectorAll("*")) {
        for (const { name, value } of Array.from(element.attributes)) {
          if (value.includes("__prefix__")) element.setAttribute(name, value.replaceAll("__prefix__", place));
        }
      }
      part.querySelector("legend").textContent = `Condition ${place + 1}`;
      return part;
    };

    button.addEventListener("click", (event) => {
      event.preventDefault();
      const place = Number(total.value);
      row.before(numbered(row.content.cloneNode(true), place));
      total.value = place + 1;
      status.textContent = `Condition ${place + 1} is added.`;
      button.hidden = place + 1 >= Number(frame.dataset.most);
      row.previousElementSibling.querySelector("input").focus();
    });
  }
})();
