# Non-negative matrix factorisation: parts that are added, never taken away (Lee & Seung 1999).
# Chosen on held-out training items. Images (squared error on 10,000 digits at code size 30 after
# 60 to 100 iterations): coordinate descent 18.9, mini-batches 26.7; nndsvd 18.9, nndsvda 19.3, random
# 18.8 to 18.9; penalties of 1e-5 and more on codes and parts only lose. Documents (perplexity on 15%
# of 20 Newsgroups, Reuters R52 at 10): Kullback-Leibler divergence of counts, which is probabilistic
# latent semantic analysis (Gaussier & Goutte 2005), 802, 329; of tf-idf 821, 336; of log(1+count)
# 866, 346; squared error of tf-idf 876, 372. A tol of 0 asks for all iterations: codes of
# test items then hardly depend on each other.
use rule train as train_nmf with:
    pathvars:
        variant="nmf",
    params:
        estimator="NMF",
        role="baseline",
        images=dict(code_sizes="main", init="nndsvd", max_iter=100, tol=0),
        documents=dict(
            code_sizes="main",
            init="nndsvda",
            solver="mu",
            beta_loss="kullback-leibler",
            max_iter=80,
            tol=0,
            weighting="counts",
        ),
