"""How networks learn: data on the device, losses, pretraining, optimisers."""
