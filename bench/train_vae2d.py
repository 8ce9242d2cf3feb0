"""Make gentutor/assets/vae2d.npz, the decoder behind the sliders of notebook 00: python bench/train_vae2d.py

The classic two-dimensional VAE of notebook 03, trained for 30 epochs instead of 10. Stores the decoder's weights as
float16 under "0", "1", … in the order of ``decoder.weights``, for ``networks.load_weights``.
"""

import bands  # first: keeps the process on two cores before TensorFlow starts

# isort: split
import keras
import numpy as np

from gentutor import data, networks, vae

PATH = bands.FOLDER.parent / "gentutor" / "assets" / "vae2d.npz"


def train(epochs=30, seed=0):
    """Train on grey digits in [0, 1]; returns the model and its loss on the test part in nats."""
    keras.utils.set_random_seed(seed)
    split = data.load_mnist()
    model = vae.VAE(networks.mlp_encoder(latent_dim=2), networks.mlp_decoder(latent_dim=2), seed=seed)
    model.compile(jit_compile=True, steps_per_execution=39)
    x_train, x_test = (data.normalize(x.reshape(-1, 784), 0, 1) for x in (split.x_train, split.x_test))
    model.fit(x_train, batch_size=128, epochs=epochs, verbose=0)
    loss = model.evaluate(x_test, batch_size=1000, verbose=0, return_dict=True)["loss"]
    return model, loss


if __name__ == "__main__":
    model, loss = train()
    weights = {str(i): weight.astype(np.float16) for i, weight in enumerate(model.decoder.get_weights())}
    np.savez_compressed(PATH, **weights)
    print(f"test loss {loss:.1f} nats (cross-entropy of grey pixels plus KL), {PATH.stat().st_size / 1000:.0f} kB")
