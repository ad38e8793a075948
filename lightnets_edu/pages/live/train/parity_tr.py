import sys, base64, subprocess, tempfile, json, time
sys.path.insert(0,'/tmp/wt/train')
import numpy as np, torch, torch.nn.functional as F
from pathlib import Path
from playwright.sync_api import sync_playwright
from lightnets_edu.pages.live.rows import network_rows, compact
from lightnets_edu.recording.studies import get_study
from lightnets_edu.training import load_fashion_mnist
torch.set_num_threads(1)
H=Path('/tmp/wt/train/lightnets_edu/pages/live')
def compile_():
    with tempfile.TemporaryDirectory() as f:
        out=Path(f,'t.wasm')
        subprocess.run([sys.executable,'-m','ziglang','cc','-target','wasm32-freestanding','-mcpu=generic+simd128+bulk_memory+bulk_memory_opt','-O3','-nostdlib','-Wl,--no-entry','-Wl,--export=__heap_base','-Wl,--strip-all','-Wl,-z,stack-size=65536','-o',str(out),'training.c'],cwd=H/'train',check=True)
        return out.read_bytes()
wasm=compile_(); print('wasm',len(wasm))
JS="""async ([wasm,rows,shape,batch,weights,pixels,labels,steps,recipe,rate])=>{
 const {trainingWorker}=await import('http://localhost/live/train/trainer.js');
 const w=new Worker(URL.createObjectURL(new Blob([`(${trainingWorker})(self);`],{type:'text/javascript'})));
 let id=0; const wait=new Map(); w.onmessage=({data})=>{const q=wait.get(data.id); data.error?q[1](new Error(data.error.message)):q[0](data.result)}; w.onerror=e=>console.log(e.message);
 const ask=(job,args={})=>new Promise((a,b)=>{wait.set(++id,[a,b]); w.postMessage({id,job,args})});
 await ask('load',{wasm:Uint8Array.from(atob(wasm),c=>c.charCodeAt(0))});
 await ask('build',{rows,shape,batch,weights:new Float32Array(weights)});
 const losses=[]; const t=performance.now();
 for(let i=0;i<steps;i++){const r=await ask('step',{pixels:new Float32Array(pixels[i%pixels.length]),labels:new Int32Array(labels[i%labels.length]),rate,recipe}); losses.push(r.loss);}
 const took=performance.now()-t; const test=await ask('test',{pixels:new Float32Array(pixels[0]),labels:new Int32Array(labels[0])});
 return {losses,took,weights:[...await ask('weights')],test};
}"""
def serve(r):
    u=r.request.url.removeprefix('http://localhost/')
    if u=='': return r.fulfill(body='<!doctype html>',content_type='text/html')
    r.fulfill(body=(H.parent/u).read_bytes(),headers={'Content-Type':'text/javascript'})
data=load_fashion_mnist('train'); N=32; B=12
x=(data.images[:N*B].float()/255-0.286)/0.353; y=data.labels[:N*B]
names=sys.argv[1:] or ['ghostnet:ghosts','mobilenet_v1:separable','mobilenet_v1:full','senet:gates','squeezenet:plain','shufflenet_v2:v2']
with sync_playwright() as p:
    b=p.chromium.launch(executable_path='/usr/bin/chromium'); g=b.new_page(); g.on('console',lambda m:print('LOG',m.text)); g.route('http://localhost/**',serve); g.goto('http://localhost/')
    for nm in names:
        st,v=nm.split(':'); study=get_study(st)
        try: model=study.variant(v).build()
        except Exception as e: print(nm,e,[q.name for q in study.variants]); continue
        torch.manual_seed(0); 
        rows=network_rows(model,(1,28,28),fold=False); model.train()
        named=dict(model.named_parameters())
        order=[n for r in rows for n in r.parameters if n]
        w0=torch.cat([named[n].detach().flatten() for n in order])
        assert len(w0)==sum(q.numel() for q in model.parameters()),nm
        pix=[x[i*N:(i+1)*N].transpose(0,1).flatten().tolist() for i in range(B)]; lab=[y[i*N:(i+1)*N].tolist() for i in range(B)]
        rec=dict(momentum=0.9,decay=5e-4,smoothing=0.1); rate=0.05; S=50
        try: out=g.evaluate(JS,[base64.b64encode(wasm).decode(),compact(rows),[1,28,28],N,w0.tolist(),pix,lab,S,rec,rate])
        except Exception as e: print(nm,'ERR',str(e)[:300]); continue
        opt=torch.optim.SGD(model.parameters(),lr=rate,momentum=0.9,weight_decay=5e-4)
        L=[]; t=time.time()
        for i in range(S):
            k=i%B; opt.zero_grad(); l=F.cross_entropy(model(x[k*N:(k+1)*N]),y[k*N:(k+1)*N],label_smoothing=0.1); l.backward(); opt.step(); L.append(l.item())
        tp=time.time()-t
        w1=torch.cat([named[n].detach().flatten() for n in order]).numpy()
        d=np.abs(np.array(L)-np.array(out['losses'])); model.eval()
        with torch.no_grad(): tl=F.cross_entropy(model(x[:N]),y[:N]).item()
        print(f"{nm:26} params {len(w0):6} loss {L[0]:.3f}->{L[-1]:.3f} maxdiff {d.max():.2e} first10 {d[:10].max():.1e} weights {np.abs(w1-np.array(out['weights'])).max():.1e} test {abs(tl-out['test']['loss']):.1e} steps/s page {S/out['took']*1000:.0f} torch {S/tp:.0f}")
