(()=>{const table=document.querySelector("#trial-table table");if(!table)return;
const body=table.tBodies[0],controls=document.querySelector(".controls");
const value=(row,i)=>{const cell=row.cells[i],v=cell.dataset.v??cell.textContent;return v};
[...table.tHead.rows[0].cells].forEach((th,i)=>{const button=document.createElement("button");button.type="button";button.textContent=th.textContent;th.replaceChildren(button);
button.addEventListener("click",()=>{const down=th.getAttribute("aria-sort")==="ascending";
for(const other of table.tHead.rows[0].cells)other.removeAttribute("aria-sort");
th.setAttribute("aria-sort",down?"descending":"ascending");
const compare=new Intl.Collator("en",{numeric:true}).compare;
const number=t=>t===""||isNaN(t)?null:Number(t);
body.append(...[...body.rows].sort((a,b)=>{const x=value(a,i),y=value(b,i),m=number(x),n=number(y);
const order=m!==null&&n!==null?m-n:compare(x,y);return down?-order:order}))})});
if(controls){controls.hidden=false;const text=controls.querySelector("[type=search]"),only=controls.querySelector("[type=checkbox]"),count=controls.querySelector("output");
const show=()=>{let shown=0;const wanted=text.value.toLowerCase();
for(const row of body.rows){const fits=row.textContent.toLowerCase().includes(wanted)&&(!only.checked||row.dataset.level!=="pass");row.hidden=!fits;shown+=fits}
count.textContent=shown+" of "+body.rows.length+" trials"};
text.addEventListener("input",show);only.addEventListener("change",show);show()}
const reveal=()=>{const at=location.hash&&document.getElementById(decodeURIComponent(location.hash.slice(1))),box=at&&at.closest("details");if(box){box.open=true;at.scrollIntoView()}};
addEventListener("hashchange",reveal);reveal();
addEventListener("beforeprint",()=>document.querySelectorAll("details.trial").forEach(d=>{d.open=true}))})();
