// SPDX-License-Identifier: MIT
// Clicks through a copy of report.html that has this behind its own script, and leaves
// what it saw in the page: "ok" or "FAILED" a line. The page is of two runs, in the first of
// which "bad" breaks B.
const lines = [];
const check = (what, good) => lines.push((good ? "ok " : "FAILED ") + what);
const set = (id, value) => { $(id).value = value; $(id).dispatchEvent(new Event("input")); };
const press = (key) => (document.activeElement || document.body).dispatchEvent(
	new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const shown = () => [...$("matrix").tBodies[0].rows].map((r) => r.cells[0].textContent);
const cell = (title) => [...document.querySelectorAll("button.cell")].find((b) => b.title.startsWith(title));
const all = shown().length;

check("there is a line for each exporter", all > 3 && shown().includes("bad"));
check("and a mark for each run", cell("bad, B, run 1: FAIL") && cell("bad, B, run 2: pass"));
check("what differs has a frame", cell("bad, B, run 1").parentElement.className === "turned");
check("what does not has none", cell("good, B, run 1").parentElement.className === "");

set("name", "BAD");
check("the filter by name leaves one", shown().join() === "bad");
set("name", "nobody");
check("or says that there is none", /Nothing is like that/.test($("matrix").textContent));
set("name", "");
set("clause", "A");
check("the filter by clause leaves one", $("matrix").tHead.rows[0].cells.length === 2);
set("clause", "");
set("show", "turned");
check("what turned is shown alone", shown().includes("bad") && !shown().includes("good"));
set("show", "bad");
check("so is what failed", shown().includes("bad") && !shown().includes("good"));
set("show", "");
check("and all again", shown().length === all);

press("/");
check("/ goes to the filter", document.activeElement === $("name"));
press("Escape");
check("Escape leaves it", document.activeElement !== $("name"));
press("ArrowDown");
const first = document.activeElement;
check("an arrow goes to the first cell", first.className.startsWith("cell "));
press("ArrowRight");
check("another to the next", document.activeElement !== first && document.activeElement.className.startsWith("cell "));
press("ArrowLeft");
check("and back", document.activeElement === first);
press("ArrowDown");
check("or down", document.activeElement.closest("tr") === first.closest("tr").nextElementSibling);

cell("bad, B, run 1").focus();
cell("bad, B, run 1").click();
check("a cell opens", !$("detail").hidden && /^bad: B, run 1/.test($("detail").textContent));
check("with the evidence", $("detail").textContent.includes("the evidence"));
check("and the command", $("detail").textContent.includes("--dynamic-subtest bad"));
check("and has a link", location.hash === "#bad/B/1");
press("Escape");
check("Escape closes it, and goes back to the cell", $("detail").hidden && document.activeElement === cell("bad, B, run 1"));
check("what turned is listed", /1 fail → pass/.test($("turned").textContent));

if (matchMedia("(max-width: 40rem)").matches) {
	check("on a phone nothing but the matrix is wider than the page",
		document.documentElement.scrollWidth <= innerWidth);
	check("and a filter has a line of its own", $("name").getBoundingClientRect().width > innerWidth / 2);
}
for (const sheet of document.styleSheets)
	for (const rule of sheet.cssRules)
		if (rule.media && rule.media.mediaText === "print") rule.media.mediaText = "all";
check("on paper there are no filters", getComputedStyle($("filters")).display === "none");
check("and the matrix is not cut off", getComputedStyle(document.querySelector(".scroll")).overflow === "visible");
check("nor does it need colours", getComputedStyle(cell("bad, B, run 1")).color === "rgb(0, 0, 0)");

document.body.append(el("pre", "\n" + lines.join("\n") + "\nend of the test"));
