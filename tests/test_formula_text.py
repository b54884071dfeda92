import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.formula_text import formula_text, with_formulas


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\alpha_t = 1 - \beta_t", "αₜ = 1−βₜ"),
        (r"x_i^2 + \sqrt{d_k}", "xᵢ²+√dₖ"),
        (r"\mathbb{E}[x] \le \sum_{i=1}^{n} w_i", "𝔼[x] ≤ ∑ᵢ₌₁ⁿwᵢ"),
        (r"\text{softmax}(\frac{QK^T}{\sqrt{d_k}})V", "softmax(QKᵀ/√dₖ)V"),
        (r"\operatorname{KL}(p\|q)", "KL(p‖q)"),
        (r"\frac{1}{n+1}", "1/(n+1)"),
        (r"\mathcal{L}_{GAN}", "ℒ_(GAN)"),
        (r"y \in \mathbb{R}^{d \times k}", "y ∈ ℝ^(d×k)"),
        (r"\log p(x) + \exp(x)", "log p(x)+exp(x)"),
        (r"\lim_{x \to 0} x", "lim_(x→0) x"),
        (r"\sqrt[3]{x}", "³√x"),
        (r"\hat{y} + \bar{x} + \vec{v}", "y\u0302+x\u0304+v\u20d7"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "(1, 2; 3, 4)"),
        (r"f'(x)", "f′(x)"),
        (r"x^*", "x∗"),
        (r"e^{-x^2}", "e^(−x²)"),
        (r"\int_0^1 x\,dx", "∫₀¹x dx"),
    ],
)
def test_a_formula_is_read_in_one_line(latex, text):
    assert formula_text(latex) == text


@pytest.mark.parametrize("latex", [r"\nosuchcommand{x}", r"\frac{1", "", r"\def\a{b}\a"])
def test_what_cannot_be_read_stays(latex):
    assert formula_text(latex) is None
    assert with_formulas(f"a ${latex}$ b") == f"a ${latex}$ b"


def test_money_is_no_formula():
    assert with_formulas(r"it costs $5 and $6; $\theta$, and $$x^2$$, not \$x$ or a$b$") == (
        r"it costs $5 and $6; θ, and x², not \$x$ or a$b$"
    )


@given(st.text(alphabet="xy12^_{}\\frac+-=() $"))
def test_no_text_makes_it_fail(markup):
    assert isinstance(with_formulas(markup), str)


@given(st.text(alphabet=st.characters(exclude_characters="$")))
def test_a_text_without_formulas_stays(text):
    assert with_formulas(text) == text
