"""Right programs as people write them: none of them is warned of."""

from __future__ import annotations

import pytest

from explainer.analysis import pipeline
from explainer.spec import Request

PROGRAMS = {
    "standardise global": """
X=jax.random.normal(jax.random.key(0),(8,3))
mu, sd = X.mean(0), X.std(0)
Z=jax.vmap(lambda x: (x-mu)/sd)(X)
""",
    "per example grads": """
def loss(w,x,y): return jnp.mean((x@w-y)**2)
w=jnp.ones(3); X=jax.random.normal(jax.random.key(0),(5,3)); y=jnp.arange(5.)
g=jax.vmap(jax.grad(loss),in_axes=(None,0,0))(w,X,y)
clip=jax.vmap(lambda v: v/jnp.maximum(1.,jnp.linalg.norm(v)))(g)
""",
    "ode": """
def rk4(f,y,t,h):
    k1=f(y,t);k2=f(y+h/2*k1,t+h/2);k3=f(y+h/2*k2,t+h/2);k4=f(y+h*k3,t+h)
    return y+h/6*(k1+2*k2+2*k3+k4)
def solve(y0,mu):
    f=lambda y,t: jnp.array([y[1],mu*(1-y[0]**2)*y[1]-y[0]])
    def body(y,t):
        y=rk4(f,y,t,.1); return y,y
    return lax.scan(body,y0,jnp.arange(20)*.1)[1]
ys=jax.vmap(solve,in_axes=(None,0))(jnp.array([1.,0.]),jnp.array([.1,1.,2.]))
""",
    "crn key": """
key=jax.random.key(0)
def price(s):
    eps=jax.random.normal(key,(100,))
    return jnp.mean(jnp.maximum(s*jnp.exp(.2*eps-.02)-100.,0.))
p=jax.vmap(price)(jnp.array([90.,100.,110.]))
""",
    "knn": """
X=jax.random.normal(jax.random.key(0),(20,2)); Q=jax.random.normal(jax.random.key(1),(5,2))
def nearest(q): return lax.top_k(-jnp.sum((X-q)**2,-1),3)[1]
i=jax.vmap(nearest)(Q)
""",
    "softmax ce": """
def ce(logits,label): return -jax.nn.log_softmax(logits)[label]
l=jnp.mean(jax.vmap(ce)(jax.random.normal(jax.random.key(0),(8,5)),jnp.arange(8)%5))
""",
    "fold in": """
key=jax.random.key(0)
o=jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(key,i)))(jnp.arange(5))
""",
    "embedding": """
E=jax.random.normal(jax.random.key(0),(10,4))
ids=jnp.array([[1,2],[3,4],[5,6]])
o=jax.vmap(lambda i: E[i].mean(0))(ids)
""",
    "log zero prob": """
o=jax.vmap(lambda p: -jnp.sum(jnp.where(p>0,p*jnp.log(p),0.)))(jnp.array([[.5,.5,0.],[1.,0.,0.]]))
""",
    "safe norm grad": """
def sn(x):
    z=jnp.sum(x**2)==0
    return jnp.where(z,0.,jnp.sqrt(jnp.where(z,1.,jnp.sum(x**2))))
g=jax.vmap(jax.grad(sn))(jnp.array([[0.,0.],[3.,4.]]))
""",
    "batchnorm": """
def bn(x,g,b):
    m=lax.pmean(x,'b');v=lax.pmean((x-m)**2,'b')
    return (x-m)/jnp.sqrt(v+1e-5)*g+b
o=jax.vmap(bn,in_axes=(0,None,None),axis_name='b')(jax.random.normal(jax.random.key(0),(4,3)),jnp.ones(3),jnp.zeros(3))
""",
    "time major": """
X=jnp.ones((10,4,3))
o=jax.vmap(lambda s: s.cumsum(0),in_axes=1,out_axes=1)(X)
""",
    "same noise shared latent": """
def dec(z,x): return x+z
z=jax.random.normal(jax.random.key(0),(3,))
o=jax.vmap(dec,in_axes=(None,0))(z,jnp.ones((4,3)))
""",
    "poly outer": """
x=jnp.linspace(0,1,5)
c=jnp.array([1.,2.,3.])
y=jax.vmap(lambda t: jnp.polyval(c,t))(x)
V=jax.vmap(lambda t: t**jnp.arange(5))(x)
""",
    "pairwise mask": """
def tri(n): return jnp.arange(5)<n
m=jax.vmap(tri)(jnp.array([1,3,5]))
s=jax.vmap(lambda x,mm: jnp.sum(jnp.where(mm,x,0.))/mm.sum())(jnp.ones((3,5)),m)
""",
    "psum norm": """
o=jax.vmap(lambda x: x/lax.psum(x,'b'),axis_name='b')(jnp.arange(1.,5.))
""",
    "mc integral common random numbers": """
eps=jax.random.normal(jax.random.key(0),(100,))
def price(s): return jnp.mean(jnp.maximum(s*jnp.exp(.2*eps-.02)-100.,0.))
p=jax.vmap(price)(jnp.array([90.,100.,110.]))
""",
    "kmeans": """
X=jax.random.normal(jax.random.key(0),(12,2));C=X[:3]
a=jax.vmap(lambda x: jnp.argmin(jnp.sum((C-x)**2,-1)))(X)
C=jax.vmap(lambda k: jnp.sum(jnp.where((a==k)[:,None],X,0.),0)/jnp.maximum((a==k).sum(),1))(jnp.arange(3))
""",
}


@pytest.mark.parametrize("code", PROGRAMS.values(), ids=PROGRAMS)
def test_no_right_program_is_warned_of(code: str):
    report = pipeline.explain(Request(code.lstrip()))
    assert report.failure is None
    assert [each.explanation for each in report.findings if each.severity != "info"] == []
