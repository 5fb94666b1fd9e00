# Latent Dirichlet allocation: shares of topics.
use rule train as train_lda with:
    pathvars:
        variant="lda",
    params:
        estimator="TopicModel",
        role="baseline",
        documents=dict(doc_topic_prior=0.5),
