# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here
# **What is a generative model, and what will you be able to do with one?**
#
# - **You will** check this machine, move a digit with two sliders, see where this course leads, and where GANs and VAEs
#   stand among other generative models.
# - **You need** a little Python, nothing else.
# - **Time:** less than a minute to run, 15 minutes to read.

# %% [markdown] tags=["links"]
# *Colab and Binder badges appear here once the course's address is known (`make links`).*

# %% tags=["setup"]
# Set-up. On Colab it installs the course's package; on your own machine `python course.py lab` already has.
import importlib.util
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: no start-up messages
SOURCE = "git+https://github.com/OWNER/NAME@main"  # `make links` writes the course's address here
if importlib.util.find_spec("gentutor") is None:
    if "OWNER/NAME" in SOURCE or "google.colab" not in sys.modules:
        pip = "" if "OWNER/NAME" in SOURCE else f" (elsewhere: %pip install --no-deps {SOURCE})"
        advice = "open the course with `python course.py lab`, or choose the kernel of its .venv"
        raise ModuleNotFoundError(f"This kernel lacks gentutor: {advice}{pip}.")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", SOURCE], check=True)

# %% [markdown]
# ## Is everything ready?
# Click in a cell and press Shift and Enter to run it: first the set-up cell above, then the one below, which checks
# this machine.

# %%
import keras
import numpy as np

from gentutor import checks, data, metrics, networks, plots, widgets

plots.use_style()
_ = checks.machine()

# %% [markdown]
# A line with ✗ says what to mend. If the last line reads *All is well*, move a digit.
#
# ## A first taste: two numbers that draw a digit
# A **decoder** is a network that turns a few numbers into an image. This one takes two, $z_1$ and $z_2$, and puts out
# 784, one for each pixel of a 28 × 28 image. It learnt from handwritten digits, but it holds none of them: it draws
# each image anew from the two numbers. In notebook 03 you train one like it yourself, in less than a minute.

# %%
with np.load(data.asset("vae2d.npz")) as file:
    decoder = networks.load_weights(networks.mlp_decoder(latent_dim=2), dict(file))


def decode(z):
    """Draw points z (n, 2): uint8 images (n, 784)."""
    return data.denormalize(keras.ops.sigmoid(decoder(z)), 0, 1)


widgets.latent_explorer(decode)

# %% [markdown]
# **Predict, then try:** move one slider slowly from a point that gives a 0 to a point that gives a 1. Will the picture
# fade from one to the other, like two photographs laid over each other, or will it pass through other shapes?
#
# (No slider here? It needs a running notebook: JupyterLab, Colab or Binder. The map below shows the same in print.)
#
# ## The same as a map
# Both sliders at once: each small picture is the decoder's drawing of the point where it stands.

# %%
_ = plots.latent_map(decode(widgets.latent_grid((-3, 3), 12)))
# %% [markdown]
# Neighbouring points give similar digits, and between two kinds of digit lie other shapes: along the bottom row a 1
# bends into a 6, and the 6 closes into a 0. Nothing fades. A plane with such an order is called a **latent space**.
# Nobody told the network what a 0 or a 1 is; it had only images.
#
# ## How good is it?
# A picture is never the only evidence in this course. We draw 1,000 points from the distribution that the model
# expects, a standard normal, let the decoder draw them, and ask a bundled **classifier** (it names 99.4 % of real test
# digits correctly) which digit each one is, and how sure it is.

# %%
z = np.random.default_rng(0).standard_normal((1000, 2)).astype("float32")
probabilities = metrics.classify_digits(decode(z))
counts = np.bincount(probabilities.argmax(axis=1), minlength=10)
sure = np.mean(probabilities.max(axis=1) > 0.9)
print("digit   ", "  ".join(f"{digit:3d}" for digit in range(10)))
print("samples ", "  ".join(f"{count:3d}" for count in counts))
bottom = np.stack([np.linspace(-3, 3, 13), np.full(13, -2.75)], axis=1)
print("bottom row of the map:", metrics.classify_digits(decode(bottom)).argmax(axis=1))
_ = checks.expect("00 bundled decoder: share of samples that the classifier is 90 % sure of", sure, 0.45, 0.55)

# %% [markdown]
# All ten digits come up, but not equally often, and for half of the samples the classifier hesitates: those are the
# shapes in between. Two numbers are too few to hold how people write. Making such samples better, and measuring by how
# much, is what this course is about.
#
# ## What a generative model is
# Someone wrote 70,000 digits. Think of them as draws from an unknown distribution $p_{\text{data}}(x)$ over all images
# $x$, which are lists of 784 numbers. A **generative model** is a distribution $p(x)$ that we build to be close to it
# and can draw from. Most begin with a **latent** point $z$ from a distribution that is easy to draw, such as the
# standard normal, and let a network turn it into an image, as the decoder above did.
#
# Two questions tell the families apart:
#
# 1. **What do you learn about the likelihood?** How probable is a given image under the model: $\log p(x)$. Some
#    families compute it exactly, some give a lower bound, some cannot say.
# 2. **What does a sample cost?** One pass through a network, or hundreds.
#
# **Predict:** which families that you have heard of need many passes to make one image?

# %%
_ = plots.families(
    [  # name, what it gives for log p(x), fewest and most passes for one sample, lift in the figure
        ("GAN", "none", 1, 1, 0),
        ("VAE", "a bound", 1, 1, 0),
        ("normalizing flow", "exact", 1, 1, 0),
        ("autoregressive, pixel by pixel (28 × 28)", "exact", 784, 784, 0),
        ("diffusion", "a bound", 10, 1000, 0.1),
        ("DALL·E: discrete VAE + autoregressive transformer", "a bound", 1025, 1025, -0.3),
    ]
)
# %% [markdown]
# ### The figure in words
# From top to bottom:
#
# | family | likelihood | one sample costs | papers |
# |---|---|---|---|
# | **autoregressive** | exact: a product over pixels or tokens | a pass for each: 784 for a digit | [1] |
# | **normalizing flow** | exact, by the change of variables | one pass, if built of coupling layers | [2] |
# | **VAE** | a lower bound, the ELBO | one pass | [3], [4] |
# | **diffusion** | a lower bound | 1,000 passes at first, later 10 to 100 | [5], [6] |
# | **GAN** | none: it learns from a game against a second network | one pass | [7] |
#
# Two footnotes: an *autoregressive* flow needs a pass for each pixel, and a diffusion model can be turned into a
# differential equation whose likelihood is computed numerically [8].
#
# [1]: https://arxiv.org/abs/1601.06759 "van den Oord et al. 2016"
# [2]: https://arxiv.org/abs/1605.08803 "Dinh et al. 2017"
# [3]: https://arxiv.org/abs/1312.6114 "Kingma and Welling 2014"
# [4]: https://arxiv.org/abs/1401.4082 "Rezende et al. 2014"
# [5]: https://arxiv.org/abs/2006.11239 "Ho et al. 2020"
# [6]: https://arxiv.org/abs/2010.02502 "Song, Meng and Ermon 2021"
# [7]: https://arxiv.org/abs/1406.2661 "Goodfellow et al. 2014"
# [8]: https://arxiv.org/abs/2011.13456 "Song et al. 2021"
#
# **Where is the transformer?** Not in this list, because it is no family. A
# [transformer](https://arxiv.org/abs/1706.03762) is a *backbone*: a way to build the network inside, as convolutions
# are. There are autoregressive transformers (the language models),
# [diffusion transformers](https://arxiv.org/abs/2212.09748) and
# [GANs made of transformers](https://arxiv.org/abs/2102.07074). The family says what is learnt, the backbone says by
# what kind of network.
#
# **And DALL·E?** [The first DALL·E](https://arxiv.org/abs/2102.12092) is two of these put together. A discrete VAE
# turns an image into 32 × 32 = 1,024 tokens, each one of 8,192, and an autoregressive transformer learns the tokens of
# text and image as one sequence; together they maximise a lower bound. A sample takes a pass of the transformer for
# each image token and one of the decoder: the 1,025 in the figure. (Passes are not seconds: the networks differ in
# size.)
#
# This course builds GANs and VAEs: both make a sample in one pass and train on a laptop, and between them they show
# both ways to learn, from a likelihood and from a game. A discrete VAE with a transformer on top is planned for part V.
#
# ## The map of the course
# What is filled is here now; what is dashed is planned and not yet written.

# %%
here = {
    "I  Foundations": [
        "00\nstart here",
        "01 data\nnormalization",
        "02 the GAN\nloop",
        "03 the VAE\nELBO",
        "04 judging\nsamples",
    ],
    "II  Control, quality": ["05 conditional\ngeneration", "06 better\nGANs", "07 StyleGAN\nand faces"],
}

# %%
planned = {
    "I  Foundations": [],
    "II  Control, quality": [],
    "III  VAEs at work": ["08 anomaly\ndetection", "09\ncompression", "10 represen-\ntations"],
    "IV  GANs at work": ["11 data aug-\nmentation", "12 super-\nresolution", "13 style\ntransfer"],
    "V  Beyond images": ["14 text", "15 music", "16 text, image\nand audio"],
    "VI  Onward": ["17 scaling out,\nwhat came next"],
}
_ = plots.course_map(here, planned)

# %% [markdown]
# | next | you will |
# |---|---|
# | [01 data normalization](01_normalization.ipynb) | match data, activation and loss, and see wrong scalings fail |
# | [02 the GAN adversarial loop](02_gan.ipynb) | write the two-player game, train it live, notice collapse |
# | [03 the VAE ELBO](03_vae.ipynb) | derive and train a VAE, check its bound, explore its latent space |
# | [04 judging samples](04_judging.ipynb) | say how good a generator is, prove it, and catch a copyist |
# | [05 conditional generation](05_conditional.ipynb) | ask for a picture, and prove that you got it |
# | [06 better GANs](06_better_gans.ipynb) | learn why GANs circle, and weigh each remedy over five seeds |
# | [07 StyleGAN and faces](07_stylegan.ipynb) | build a generator whose layers take orders, and edit faces with it |
#
# Begin with 01. After it, 02 and 03 can be read in either order; 04 and 05 need both, 06 and 07 need 02.

# %% [markdown]
# ## How a notebook works
# - **Predict.** Before a result is shown you are asked for a guess. Make one: being wrong is what makes it stick.
# - **Build, check, import.** A new idea is first written out in a few lines, then compared with the package's version,
#   and from then on imported. The package `gentutor` holds nothing that a notebook does not explain.
# - **Bands.** Important numbers are followed by a line such as `✓ error = 35.9, expected from 35 to 37`. The range is
#   what five trainings with different seeds gave, widened to three standard deviations. If you change a constant and
#   leave the band, nothing breaks: you have learnt something.
# - **Exercises** hold a `...` where you write. The check below each says *not attempted yet*, gives a hint, or says
#   *correct*. An open exercise never stops the notebook. The answers are in the folder `solutions`.
#
# Try it once: replace the `...` by your answer and run both cells again.

# %%
numbers_in_an_image = ...  # how many numbers does a grey image of 28 × 28 pixels hold?

# %%
checks.exercise("numbers in an image", numbers_in_an_image, [((), 784, "multiply the height by the width.")])

# %% [markdown]
# ## What to remember
# - A generative model is a distribution over data that we can draw from; many turn a random latent point into data.
# - Families differ in what they give for the likelihood (exact, a bound, none) and in what a sample costs; a
#   transformer is a backbone that any of them can use.
# - A sample that looks good proves little: in this course each claim has a number next to it.
#
# ## Further reading
# - Tomczak, *Deep Generative Modeling* (Springer, 2022): all families in one book, with code.
# - Bond-Taylor et al., [*Deep Generative Modelling: A Comparative Review*](https://arxiv.org/abs/2103.04922), 2021:
#   the families compared, with what each gives up.
# - Theis, van den Oord and Bethge, [*A note on the evaluation of generative models*](https://arxiv.org/abs/1511.01844),
#   2016: why a good picture, a good likelihood and a good application are three different things.
