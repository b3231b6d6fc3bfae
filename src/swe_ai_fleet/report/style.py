"""The look of the page: one column, light and dark, readable from 360 pixels on."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #fbfbfd; --card: #ffffff; --line: #dcdfe6; --text: #1b1f27; --quiet: #5d6675;
  --good: #16794a; --bad: #b3261e; --warn: #8a5a00; --busy: #2456b8;
  --good-ground: #e3f4ea; --bad-ground: #fbe7e5; --warn-ground: #fbf0d9; --busy-ground: #e6eefb;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14161b; --card: #1c1f26; --line: #343a46; --text: #e7eaf0; --quiet: #a0a9b8;
    --good: #6fd39c; --bad: #ff9a90; --warn: #f0c36a; --busy: #8fb4ff;
    --good-ground: #173526; --bad-ground: #3e1f1d; --warn-ground: #3a2f16; --busy-ground: #1b2a49;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); line-height: 1.5;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
header { padding: .5rem 0 .25rem; }
h1 { font-size: 1.45rem; line-height: 1.25; margin: .4rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); } .small { font-size: .875rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem;
  margin: .6rem 0; }
.badge { display: inline-block; border-radius: 1rem; padding: .05rem .65rem; font-size: .85rem; font-weight: 600;
  background: var(--busy-ground); color: var(--busy); white-space: nowrap; }
.badge.good { background: var(--good-ground); color: var(--good); }
.badge.bad { background: var(--bad-ground); color: var(--bad); }
.badge.warn { background: var(--warn-ground); color: var(--warn); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .6rem; margin: .8rem 0; }
.fact { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .55rem .8rem; }
.fact b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.fact span { color: var(--quiet); font-size: .8rem; }
.why { font-size: 1.05rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
th { text-align: left; color: var(--quiet); font-weight: 600; font-size: .8rem; }
td { overflow-wrap: anywhere; }
td.name { min-width: 8.5rem; }
th, td { padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; }
tr.first td { font-weight: 600; }
.bar { height: .6rem; border-radius: .3rem; background: var(--line); overflow: hidden; margin: .25rem 0; }
.bar i { display: block; height: 100%; background: var(--busy); border-radius: .3rem; }
.bar.good i { background: var(--good); } .bar.bad i { background: var(--bad); }
.lane { display: grid; grid-template-columns: minmax(5.5rem, 9rem) 1fr; gap: .6rem; align-items: center;
  padding: .16rem 0; }
.lane .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .88rem; }
.track { position: relative; height: 1.1rem; border-radius: .3rem; background: var(--busy-ground); }
.track i { position: absolute; top: .2rem; width: .7rem; height: .7rem; margin-left: -.35rem; border-radius: 50%;
  background: var(--busy); border: 2px solid var(--card); }
.track i.good { background: var(--good); } .track i.bad { background: var(--bad); border-radius: .15rem; }
.track i.cut { width: 2px; height: 1.1rem; top: 0; margin: 0; border: 0; border-radius: 0; background: var(--quiet); }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1rem; color: var(--quiet); font-size: .8rem; margin: .4rem 0; }
.key .track { display: inline-block; width: .8rem; height: .8rem; background: none; vertical-align: -.1rem; }
.key .track i { left: 50%; top: 0; }
.chips { display: flex; flex-wrap: wrap; gap: .3rem; margin: .3rem 0; padding: 0; list-style: none; }
.chips li { border: 1px solid var(--line); border-radius: .4rem; padding: 0 .45rem; font-size: .85rem; }
.chips li.won { border-color: var(--good); color: var(--good); font-weight: 600; }
ol.tiers { list-style: none; margin: 0; padding: 0; counter-reset: tier; }
ol.tiers.card { padding: .8rem 1rem; }
ol.tiers li { counter-increment: tier; padding-bottom: .5rem; }
ol.tiers li .bar { margin-left: 2.3rem; } ol.tiers li p { margin-left: 2.3rem; }
ol.tiers li::before { content: counter(tier); float: left; width: 1.6rem; height: 1.6rem; margin-right: .7rem;
  border-radius: 50%; background: var(--busy-ground); color: var(--busy); text-align: center; font-weight: 600; }
details { margin: .5rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary:focus-visible { outline: 2px solid var(--busy); outline-offset: 3px; border-radius: .2rem; }
pre { font: .82rem/1.45 var(--mono); background: var(--ground); border: 1px solid var(--line); border-radius: .4rem;
  padding: .6rem .7rem; overflow-x: auto; max-height: 34rem; margin: .5rem 0; tab-size: 4; }
pre span { display: block; width: max-content; min-width: 100%; }
pre .add { background: var(--good-ground); color: var(--good); }
pre .del { background: var(--bad-ground); color: var(--bad); }
pre .hunk { color: var(--busy); } pre .file { font-weight: 700; }
pre.text { white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .9rem; margin: .4rem 0; font-size: .9rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
footer { margin: 2.5rem 0 1rem; color: var(--quiet); font-size: .82rem; }
@media (max-width: 40rem) {
  main { padding: .7rem; }
  table, tbody { display: block; }
  thead { display: none; }
  tr { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .45rem .8rem; background: var(--card);
    border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .8rem; margin: .5rem 0; }
  td, td.number { border: 0; padding: 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
  td::before { content: attr(data-label); display: block; color: var(--quiet); font: 400 .75rem/1.3 inherit;
    font-size: .75rem; font-weight: 400; }
  td.name { min-width: 0; }
  td.wide { grid-column: 1 / -1; }
  .card { padding: .7rem .8rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .35rem; }
}
@media print { details { break-inside: avoid; } pre { max-height: none; } }
"""
