"""What to see in each figure: title and caption. They point, they do not claim a result."""

ONE_CODE_SIZE = (
    "Error and accuracy",
    "Error and accuracy of each variant, with 95% intervals over seeds, at the one code size that "
    "was run. With more code sizes this figure shows what a larger code buys.",
)
"""Stands for CAPTIONS["code-size"] where there is but one."""

CAPTIONS = {
    "critical-differences": (
        "All data sets together",
        "Average ranks over the data sets, 1 the best, at their main code sizes, of the variants "
        "that ran on all of them: the best baseline of a data set may be missing. A bar joins "
        "variants that are not told apart by Nemenyi's test, which needs Friedman's to find any "
        "difference first (Demsar 2006). The blocks are data sets, whatever the seeds say: with "
        "few of them only large differences show.",
    ),
    "reconstructions": (
        "Reconstructions",
        "The first test item of each class, above what each variant makes of it from its code. "
        "Look at what is lost first: a linear method can only add up fixed templates, so where its "
        "code is too small it blurs and leaves ghosts of other strokes. The number beside a row is "
        "the squared error, summed over pixels, mean over all test items. Shown are PCA, the best "
        "eight autoencoders and five baselines, and controls. The counterpart of figure 2 of "
        "Hinton & Salakhutdinov (2006).",
    ),
    "code-maps": (
        "Maps of two-dimensional codes",
        "Every point is a test item, placed by its 2-D code and coloured by its class, which no "
        "variant was told. Look for islands of one colour; the accuracy of k-nearest neighbours "
        "says in a number how far neighbours are of one class. At most 4,000 points are drawn, of "
        "the first seed, and the outermost 0.5% on each side are cut off. The counterpart of "
        "figure 3 of 2006.",
    ),
    "retrieval": (
        "Retrieval",
        "Each of the budget's queries, test items, is compared with the other test items, or with "
        "the training items where the configuration says so (database), by the cosine of codes, "
        "of bits by their Hamming distance; precision is the share of the k nearest that are of "
        "its class. Look whether one curve stays above another at every k, or crosses it. The "
        "control mean has one code for everything: its line is chance. Bands are 95% intervals "
        "over seeds. Shown are the five best of autoencoders, of baselines and of controls; "
        "dashed, beside the smaller code, are the baselines with the larger one. The counterpart "
        "of figure 4 of 2006.",
    ),
    "code-size": (
        "What a larger code buys",
        "Error and accuracy against the number of code units, with 95% intervals over seeds, of "
        "the variants that have the most code sizes. Look at the gap between autoencoders and "
        "baselines: at which code size it opens or closes.",
    ),
    "filters": (
        "What the first layer looks for",
        "Each square holds the weights of one unit that sees the image: large pixels on red "
        "excite it, on blue they inhibit it. Every square is scaled by its own largest weight. Of "
        "networks the units with the largest weights are shown, of PCA, ICA and NMF the "
        "components. Look for what is local: PCA's components span the whole image, NMF's are "
        "parts, and penalties on wide codes (their size in brackets) make strokes or spots. "
        "Speckle is what is left of the random start. Shown are PCA, the best baselines and two "
        "autoencoders by squared error, and all single layers with tied weights; not those that "
        "begin with a convolution or a kernel.",
    ),
    "denoising": (
        "Denoising",
        "Test items with Gaussian noise of standard deviation 0.3, clipped to [0, 1], and what "
        "each variant reconstructs from them. The number is the squared error from the clean "
        "image, summed over pixels, mean over many more test items; that of the input is what "
        "doing nothing costs. Look who beats it, and whether the noise is gone or has become "
        "strokes that were never there. Shown are PCA, the best two autoencoders and baselines by "
        "their error on clean images, and all that learned from corrupted images, of whatever "
        "corruption.",
    ),
    "inpainting": (
        "Inpainting",
        "Test items of which half of the pixels at random (left) or the lower half (right) are "
        "set to 0, and what each variant reconstructs. The number is the squared error from the "
        "whole image where pixels are missing at random, summed over pixels, mean over many more "
        "test items. Look who fills holes smaller than a stroke. Nobody is told which pixels are "
        "missing: one looks like paper, or like black in a photograph, so half an image is mostly "
        "copied as it is. "
        "Variants are chosen as for denoising.",
    ),
    "perturbed": (
        "What a unit of the code does",
        "One test item is encoded, one unit of its code moved by so many of its standard "
        "deviations over the training codes, and the result decoded; 0 is the plain "
        "reconstruction. Of each variant the two units that change this picture most are shown. "
        "Look whether it stays an image far out: PCA adds and takes away one template whatever "
        "the image, a network bends the stroke. Shown are PCA, the best two autoencoders and "
        "baselines by squared error, and variational ones.",
    ),
    "walks": (
        "Walks between two images",
        "Nine steps on the straight line between two test items: through pixels (first row), and "
        "through the codes of variants, decoded. Look at the middle: through pixels one image "
        "fades while the other appears, and PCA, being linear, does the same with its "
        "reconstructions. Where the middle is one whole image, the straight way between codes is "
        "a bent one between images. Shown are PCA, the best two autoencoders and baselines by "
        "squared error, and variants whose training asks something of what lies between codes.",
    ),
    "rate-distortion": (
        "Rate and distortion",
        "The error left after every unit of a code was quantised, from one bit to eight, against "
        "the bits that an entropy coder then needs for an item, on a sample of test items (the "
        "budget's sample_items). A curve joins the points of a variant that none of its others "
        "beats, of all code sizes it was run at: where it drops steeply, more units begin to pay. "
        "Look along a vertical line: which variant has the least error for the same bits. Lines "
        "through points are 95% intervals over seeds. Shown are the five best autoencoders and "
        "baselines at no more than four bits for each unit of the main code size; binary codes "
        "have one point a code size.",
    ),
    "pareto": (
        "Time against error",
        "Seconds that one seed trained, mean over seeds, against the error, at the main code size; "
        "controls are left out. The dashed line is the Pareto front: nobody on it, named beside "
        "it, is beaten in both. Look how far the line falls to the right of the baselines: what "
        "more training buys. Only training counts: a variant whose codes are optimised pays when "
        "it encodes (see Costs). Times are those of the machine that made these results; another "
        "one may order them otherwise. Grey points are variants that are not among the five best "
        "of their role.",
    ),
    "label-efficiency": (
        "Accuracy from few labels",
        "Logistic regression on the codes learns from 10, 100, 1,000 and all labelled training "
        "items that the budget gives to classifiers (its probe_items); codes were learned without "
        "labels. Look at the left for codes that save labels, and whether the items themselves, "
        "raw, catch up on the right. Bars are 95% intervals over seeds. Shown are the five best of "
        "autoencoders, of baselines and of controls by the accuracy with all labels.",
    ),
    "sparsity": (
        "How sparse codes are",
        "Histograms of the activations of all units for at most 2,000 test items, of the lowest "
        "seed, each as a share of the variant's largest (the 99.9% quantile of their absolute "
        "values; what is beyond lies in the outermost bars). The share axis is logarithmic. Near "
        "zero is what is below 1% of the largest. Look for a peak at zero beside a long tail: few "
        "units speak for each item. Shown are the three best autoencoders and baselines by error, "
        "and variants without the main code size, which are codes larger than the others and "
        "codes of bits: sixteen in all.",
    ),
    "training": (
        "Training",
        "Loss on the training set by epoch, at the main code size, of at most ten autoencoders "
        "and ten baselines that train, the best by their error. Layers are pretrained one after "
        "another, each on the codes of the one below, so their errors have different units. A "
        "curve that still falls at its end was stopped early: more epochs may help. Losses in "
        "different panels cannot be compared.",
    ),
    "vector-field": (
        "A denoiser's vector field",
        "Made-up points on a spiral, and from a grid of places the arrow to where the autoencoder "
        "puts them, at two fifths of its length. Look whether arrows lead to the spiral: left of a "
        "network trained on noisy inputs, right of the same trained without noise. The counterpart "
        "of figure 2 of Vincent et al. (2010).",
    ),
    "lecture-undercomplete": (
        "The same number of code units, spent on curves or on planes",
        "Squared error on test images of the plain deep autoencoder and of PCA at equal code "
        "sizes, with 95% intervals over seeds. Look at which is lower, and at which code size the "
        "gap is widest.",
    ),
    "lecture-subspace": (
        "PCA's subspace, not its axes",
        "Made-up items of 20 inputs, three of them wide. Left: look whether the angle between the "
        "space that a linear decoder spans and PCA's goes to nothing (angles below 0.01° are "
        "drawn there). Right: how far PCA's axes end from the weights of single units, beside how "
        "far they move when half of the items is left out.",
    ),
    "lecture-sparsity": (
        "What penalties make of the mean activation",
        "Made-up images of bars. Left: the gradient of KL by its formula and as the network meets "
        "it. Middle: the mean activation of held-out items against the asked one; on the dashed "
        "line it is as asked. Right: L1 knows no target, a heavier weight pushes further down.",
    ),
    "lecture-contraction": (
        "The encoder contracts",
        "Left and middle: made-up images. Look from which weight of the contractive penalty on the "
        "encoder's Jacobian shrinks, and from which on the reconstruction pays for it. Right: the "
        "norm of the Jacobian on real test images, variants with codes larger than the input.",
    ),
    "lecture-overcomplete": (
        "Codes larger than the input",
        "1,000 code units for fewer pixels, without a penalty (overcomplete) and with one. Left: "
        "the error on test images. Middle: on images of another data set, where a variant that had "
        "learned to copy would have no error either. Right: how well classes are read off the "
        "code.",
    ),
    "lecture-pretraining": (
        "With pretraining and without",
        "Squared error on test images of variants that were pretrained layer by layer, above the "
        "same without that. Look at which pairs differ: the network of 2006, of logistic units and "
        "small weights, or today's.",
    ),
    "lecture-unseen": (
        "Images of another kind",
        "What is left of the mean image's error: filled, on test images like those of training; "
        "hollow, on images of a data set that no model saw. A copy would have both at zero.",
    ),
    "lecture-compression": (
        "What cannot be compressed",
        "Share of the variance of held-out made-up items that reconstructions leave, by code size. "
        "Left: independent inputs, of which every unit saves its hundredth at most. Right: as many "
        "inputs with as much variance that depend on five factors.",
    ),
    "lecture-bottleneck": (
        "50 units for 100 inputs",
        "Share of the variance of held-out items, 100 independent inputs each, that codes of 50 "
        "units leave. Look who reaches the dashed line, which only the chance of the sample lets "
        "anybody pass.",
    ),
}
