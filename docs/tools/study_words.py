"""What the page of the papers' studies says in words: what was claimed, how it is judged, what is open."""

WHERE = {"phantom": "the phantom", "acdc_sunnybrook": "ACDC → Sunnybrook"}
MEANS = {
    "phantom": "The mean is over LV, MYO and RV at ED and ES.",
    "acdc_sunnybrook": "The mean is three quarters LV and one quarter MYO there: ES has outlines of the LV alone.",
}
CLAIMS = {
    "wong2025": (
        "Wong et al. 2025",
        "One diffusion model of the source: training images redrawn (`dg`), test images redrawn (`da`).",
    ),
    "li2025": (
        "Li, Ma, Shi 2025",
        "Generated pairs beside (`synthetic`) or instead of (`generative`) traditional augmentation.",
    ),
    "capstone2024": (
        "Pusan National University 2024",
        "Augmentation (`mild`, `classic`), DANN, a second centre where the place has one (`multi_centre`).",
    ),
}

CORRELATIONS = (
    " The last rows are correlations (Pearson's r, with the logarithm of a distance, positive where better pairs gain"
    " more, over all unseen targets together; percentiles over subjects and training runs); no correction counts them."
)

INTRODUCTION = """\
<!-- Written by `python docs/tools` from docs/results/data/*/: change those, not this. -->
# The three works, run again

Each study is one command (`make study STUDY=studies/NAME.yaml PLACE=…`, preset `cpu`), scored by `cmrbridge scores`
into `data/`: every number below is computed from those tables. What is judged stands in each study
(`comparisons.claims`), how in `evaluation/claims.py`: a claim is *supported* or *not supported* only with three
training runs of either arm, networks that reach Dice of .88 on the source's own test subjects, and validation curves
that have flattened (half a point of Dice at most in the last fifth of a training); otherwise it is *untested*, whatever
the numbers look like. *Not supported* says that the study did not show it, not that it is false. Where the reason is a
gain significantly less than claimed, or an arm significantly worse, the claim does not hold for these networks, these
subjects and this one training of each generator; a better generator may do what this one did not. That the gain follows
the quality of what is generated is a claim too (`comparisons.follows`, `evaluation/following.py`): supported where the
whole interval of its correlation is that of a strong one, and unrelated moments would hardly come out so.

Claims and rule were drawn up on 23 November 2026: after the phantom's scores were known, before any network of these
studies had been scored on patients. But an earlier, shorter run had been, on the same 22 subjects of Sunnybrook:
against `classic`, `da` +2.0 points, `dg` −.6, `dann` −1.7, `real` −4.8, synthetic pairs −.8 ([ACDC →
Sunnybrook](acdc_sunnybrook.md)). So the claims in Dice were not chosen blind. Changed since: scores with a remedy at
test time do not speak for a network by itself, which decides none of these claims; a claim of a size, which only li2025
makes, is tested against that size, which was changed before networks of li2025 that learnt from generated pairs had
been scored on patients; and the correlation of quality and gain, which had stood in a figure alone, is judged too, by a
rule that was written when its values on patients were known (one training a moment: untested by the older rule), and
made stricter once more, by what unrelated moments give, which turned no verdict.

What is open: on patients only the 2-D U-Net has been trained long enough to be judged; nnU-Net has not, and V-Net
nowhere. Either takes a GPU (`PRESET=gpu`), and none was lent to this project by 23 November 2026.
"""
