"""How the web page of a report looks."""

STYLE = """
:root {
  --paper: #ffffff; --card: #f6f7f9; --ink: #17191e; --faint: #5b6270; --line: #d9dce3;
  --blue: 37 99 235; --orange: 220 60 20; --wrong: #b42318;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1d2026; --ink: #e9ebef; --faint: #a2a9b6; --line: #363b45;
    --blue: 59 120 246; --orange: 222 82 40; --wrong: #ff9d8f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem clamp(.8rem, 3vw, 2rem) 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0 1.2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
h3 span { color: var(--faint); font-weight: 400; }
p { margin: .3rem 0 .8rem; max-width: 44rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.4rem, 1fr)); gap: .6rem; margin: 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
dt { white-space: nowrap; color: var(--faint); font-size: .85rem; }
dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.scroll { overflow: auto; max-height: 40rem; border: 1px solid var(--line); border-radius: .5rem; width: fit-content;
  max-width: 100%; }
.scroll:focus-visible { outline: 2px solid rgb(var(--blue)); outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--faint); padding: .5rem .8rem; font-size: .85rem; }
th, td { padding: .25rem .8rem; text-align: right; border-top: 1px solid var(--line); }
thead th { position: sticky; top: 0; background: var(--card); font-weight: 600; z-index: 1; }
tbody th, tfoot th { text-align: left; font-weight: 400; }
thead th:first-child { text-align: left; }
tfoot th, tfoot td { border-top: 1px solid var(--line); font-weight: 600; white-space: nowrap; }
.scores th[scope=row], .samples th[scope=row] { overflow-wrap: anywhere; min-width: 9rem; max-width: 26rem; }
.bar { background: linear-gradient(90deg, rgb(var(--blue) / .28) calc(var(--part) * 100%), transparent 0);
  min-width: 6rem; }
.confusion th, .confusion td { padding: .2rem .4rem; border-left: 1px solid var(--line); min-width: 2.1rem;
  text-align: center; }
.confusion tbody th, .confusion thead th:first-child { position: sticky; left: 0; background: var(--card);
  text-align: left; border-left: 0; white-space: nowrap; max-width: 12rem; overflow: hidden; text-overflow: ellipsis; }
.confusion thead th:first-child { z-index: 2; vertical-align: bottom; }
.confusion thead span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 12rem; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.confusion thead th { vertical-align: bottom; }
.hit { background: rgb(var(--blue) / calc(.05 + .6 * var(--part))); }
.miss { background: rgb(var(--orange) / calc(.1 + .6 * var(--part))); }
.matrix { margin: 0; } .matrix img { width: min(100%, 50rem); image-rendering: pixelated;
  border: 1px solid var(--line); }
figcaption { color: var(--faint); font-size: .85rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: .8rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
article p { color: var(--faint); font-size: .85rem; margin: 0 0 .5rem; }
.photos { display: flex; flex-wrap: wrap; gap: .5rem; }
.photos figure { margin: 0; text-align: center; }
.photos img { width: 6rem; height: 6rem; object-fit: contain; border-radius: .3rem; display: block;
  background: var(--paper); }
.beside { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
svg { width: min(100%, 24rem); } svg text { font-size: 5px; fill: var(--ink); }
.accuracy { fill: rgb(var(--blue) / .55); } .said { stroke: rgb(var(--orange)); stroke-width: 1.2; }
.grid { fill: none; stroke: var(--line); stroke-width: .4; }
.even { stroke: var(--faint); stroke-width: .5; stroke-dasharray: 2 1.5; }
.wrong td { color: var(--wrong); }
.samples td, .samples thead th { text-align: left; }
@media print { .scroll { max-height: none; overflow: visible; } }
"""
