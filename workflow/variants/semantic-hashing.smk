# Bits: noise on the code's input makes it binary (Salakhutdinov & Hinton, IJAR 50:969, 2009).
use rule train as train_semantic_hashing with:
    pathvars:
        variant="semantic-hashing",
    params:
        estimator="AutoEncoder",
        documents=dict(
            code_sizes=[128, 20],
            hidden=[500, 250],
            activation="tanh",
            code="binary",
            code_noise=2.0,
            loss="multinomial",
            weighting="log",
            batch_size=125,
            learning_rate=3e-3,
            corruption="dropout",
            corruption_level=0.6,
        ),
