"""Per-example losses: sums within an example, (batch, ...) -> (batch,), in nats; the caller takes the mean.

They take logits, never probabilities, and log-variances, never variances, so that nothing overflows.
"""

import math

import keras
from keras import ops

_register = keras.saving.register_keras_serializable("gentutor")


def _sum_features(x):
    """Sum everything but the batch axis: (batch, ...) -> (batch,)."""
    return ops.sum(ops.reshape(x, (ops.shape(x)[0], -1)), axis=-1)


@_register
def gaussian_kl(mean, log_var):
    """KL divergence from N(mean, exp(log_var)) to N(0, 1), summed over dimensions, in nats.

    Args: ``mean`` and ``log_var``, each (batch, latent_dim). Returns (batch,).
    Built in notebooks/03_vae.ipynb; Kingma and Welling 2014, appendix B.
    """
    return 0.5 * _sum_features(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var)


@_register
def bernoulli_nll(x, logits):
    """Negative log-likelihood of pixels ``x`` under independent Bernoullis with these logits, in nats.

    Args: ``x`` and ``logits``, both (batch, ...), with ``x`` in [0, 1]. Returns (batch,). It is a likelihood only
    where ``x`` is 0 or 1; on grey pixels it is a cross-entropy. Built in notebooks/03_vae.ipynb.
    """
    return _sum_features(ops.softplus(logits) - x * logits)


@_register
def gaussian_nll(x, mean, sigma=1.0):
    """Negative log-likelihood of ``x`` under N(mean, sigma²) for each pixel, in nats.

    Args: ``x`` and ``mean``, both (batch, ...); ``sigma`` > 0 in the units of ``x``. Returns (batch,).
    Built in notebooks/03_vae.ipynb.
    """
    log_sigma = ops.log(ops.convert_to_tensor(sigma, dtype=mean.dtype))
    return _sum_features(0.5 * ops.square((x - mean) / sigma) + log_sigma + 0.5 * math.log(2.0 * math.pi))


@_register
def discriminator_loss(real_logits, fake_logits):
    """Cross-entropy of "real or generated?" over one real and one generated example, in nats; 2 log 2 at chance.

    Args: ``real_logits`` and ``fake_logits``, each (batch, 1) or (batch,). Returns (batch,).
    Built in notebooks/02_gan.ipynb; Goodfellow et al. 2014, equation 1.
    """
    return _sum_features(ops.softplus(-real_logits)) + _sum_features(ops.softplus(fake_logits))


@_register
def generator_loss(fake_logits):
    """Non-saturating loss −log D(G(z)) of the generator, in nats; log 2 at chance.

    Args: ``fake_logits``, (batch, 1) or (batch,). Returns (batch,).
    Built in notebooks/02_gan.ipynb; Goodfellow et al. 2014, section 3.
    """
    return _sum_features(ops.softplus(-fake_logits))


@_register
def gradient_penalty(gradients):
    """Half the squared norm of the discriminator's gradient with respect to its input (R1 when taken at real data).

    Args: ``gradients``, (batch, ...), the logits differentiated by the input. Returns (batch,).
    Mescheder et al. 2018, equation 9, without the weight gamma.
    """
    return 0.5 * _sum_features(ops.square(gradients))
