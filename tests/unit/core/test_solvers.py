"""The solvers against diffusers' schedulers, and against data whose best estimate is known."""

import math

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from cmrbridge.core.diffusion import BETAS, signal_shares
from cmrbridge.core.solvers import SOLVERS, Rung, ddim_step, ladder, noised, sample, solve, tempered
from cmrbridge.errors import InputError

COMMON = {"num_train_timesteps": 1000, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


def estimate(x: Tensor, time: Tensor) -> Tensor:
    """Some smooth estimate of x_0 that depends on x and t."""
    return torch.tanh(0.5 * x + 0.3 * torch.cos(time.view(-1, 1, 1, 1).to(x.dtype) / 300))


def by_diffusers(scheduler: DDIMScheduler | DPMSolverMultistepScheduler, x: Tensor, calls: int) -> Tensor:
    scheduler.set_timesteps(calls)
    for time in scheduler.timesteps:
        x = scheduler.step(estimate(x, torch.full((len(x),), int(time))), time, x).prev_sample
    return x


@pytest.mark.parametrize("schedule", BETAS)
@pytest.mark.parametrize("calls", [5, 20])
@pytest.mark.parametrize("solver", ["ddim", "dpm-solver++"])
def test_a_walk_equals_that_of_diffusers(solver: str, schedule: str, calls: int) -> None:
    common = {**COMMON, "beta_schedule": BETAS[schedule], "prediction_type": "sample"}
    schedulers = {
        "ddim": lambda: DDIMScheduler(**common, clip_sample=True, set_alpha_to_one=True),
        "dpm-solver++": lambda: DPMSolverMultistepScheduler(**common, algorithm_type="dpmsolver++"),
    }
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    theirs = by_diffusers(schedulers[solver](), x, calls).clamp(-1, 1)
    ours = solve(estimate, x, ladder(schedule, calls), solver=solver, generator=torch.Generator())
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=0)


def test_a_ladder_starts_at_its_top_and_ends_at_the_data() -> None:
    shares = signal_shares("cosine").double()
    rungs = ladder("cosine", 10, top=0.5)
    assert [rung.time for rung in rungs] == list(range(499, 0, -50))
    assert rungs[0].share == float(shares[499])
    assert [rung.after for rung in rungs] == [*(float(shares[t]) for t in range(449, 0, -50)), 1.0]
    assert [rung.time for rung in ladder("linear", 1000)] == list(range(999, -1, -1))


def test_a_shifted_ladder_lingers_in_the_noise_and_stands_on_no_step_twice() -> None:
    assert [rung.time for rung in ladder("cosine", 4, shift=3)] == [999, 899, 749, 499]
    times = [rung.time for rung in ladder("cosine", 1000, shift=3)]
    assert times == sorted(set(times), reverse=True)
    assert times[0] == 999


@pytest.mark.parametrize(("calls", "top"), [(0, 1.0), (1001, 1.0), (11, 0.01), (5, 0.0), (5, 1.2)])
def test_an_impossible_ladder_is_refused(calls: int, top: float) -> None:
    with pytest.raises(InputError, match="calls"):
        ladder("cosine", calls, top)


def test_a_step_without_chance_stays_on_the_line_through_x0_and_noise() -> None:
    generator = torch.Generator().manual_seed(1)
    x0, noise = (torch.randn(2, 1, 4, 4, generator=generator) for _ in range(2))
    rung = Rung(time=300, share=0.6, after=0.8)
    torch.testing.assert_close(ddim_step(noised(x0, 0.6, noise), x0, rung), noised(x0, 0.8, noise))


def test_an_ancestral_step_has_the_posterior_of_the_forward_process() -> None:
    """Ho et al. 2020, eq. 6 and 7, for one step from ᾱ = .5 to .7, so α = .5 / .7."""
    rung, alpha = Rung(time=0, share=0.5, after=0.7), 0.5 / 0.7
    x, x0, noise = torch.tensor(1.3), torch.tensor(-0.4), torch.tensor(0.9)
    mean = math.sqrt(0.7) * (1 - alpha) / 0.5 * x0 + math.sqrt(alpha) * 0.3 / 0.5 * x
    variance = 0.3 / 0.5 * (1 - alpha)
    torch.testing.assert_close(ddim_step(x, x0, rung, noise, eta=1.0), mean + math.sqrt(variance) * noise)
    with pytest.raises(ValueError, match="noise"):
        ddim_step(x, x0, rung, eta=1.0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("schedule", BETAS)
def test_solvers_find_a_data_set_of_one_image(solver: str, schedule: str) -> None:
    """With one image as the data, the best estimate is that image: every solver must end there, bright or dark."""
    truth = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)
    drawn = sample(
        lambda x, t: truth.expand(3, -1, -1, -1),
        (3, 1, 4, 4),
        schedule=schedule,
        solver=solver,
        calls=10,
        generator=torch.Generator().manual_seed(1),
    )
    torch.testing.assert_close(drawn, truth.expand(3, -1, -1, -1), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("solver", "calls", "within"), [("dpm-solver++", 20, 0.02), ("ddim", 50, 0.03), ("ddpm", 300, 0.03)]
)
def test_solvers_draw_a_normal_distribution_of_the_right_width(solver: str, calls: int, within: float) -> None:
    """Data N(.1, .2²): the best estimate of x_0 is linear in x_t, and samples must have that mean and deviation."""
    shares, mean, deviation = signal_shares("cosine"), 0.1, 0.2

    def best(x: Tensor, time: Tensor) -> Tensor:
        share = shares[time].view(-1, 1, 1, 1)
        gain = share.sqrt() * deviation**2 / (share * deviation**2 + 1 - share)
        return mean + gain * (x - share.sqrt() * mean)

    generator = torch.Generator().manual_seed(2)
    drawn = sample(best, (64, 1, 16, 16), schedule="cosine", solver=solver, calls=calls, generator=generator)
    assert float(drawn.mean()) == pytest.approx(mean, abs=0.01)
    assert float(drawn.std()) == pytest.approx(deviation, abs=within)


def test_what_is_adjusted_is_what_the_next_step_sees() -> None:
    seen: list[Tensor] = []

    def network(x: Tensor, time: Tensor) -> Tensor:
        seen.append(x)
        return 0 * x

    adjusted = torch.full((1, 1, 2, 2), 0.25)
    solve(
        network,
        torch.ones(1, 1, 2, 2),
        ladder("cosine", 3),
        solver="ddim",
        generator=torch.Generator(),
        adjust=lambda x, x0, rung: adjusted,
    )
    assert [float(x.mean()) for x in seen] == [1.0, 0.25, 0.25]


def test_a_tempered_estimate_holds_the_same_noise_divided() -> None:
    x0, noise = torch.rand(2, 1, 4, 4) - 0.5, torch.randn(2, 1, 4, 4)
    x, share = noised(x0, 0.7, noise), 0.7
    again = (x - share**0.5 * tempered(x, x0, share, 1.25)) / (1 - share) ** 0.5
    torch.testing.assert_close(again, noise / 1.25)


def test_tempering_leaves_texture_that_a_smoothing_estimate_takes() -> None:
    """White data of standard deviation ½, and estimates a twentieth too flat."""
    shares = signal_shares("cosine")

    def flat(x: Tensor, time: Tensor) -> Tensor:
        share = shares[time].view(-1, 1, 1, 1)
        return 0.95 * share.sqrt() * 0.25 / (share * 0.25 + 1 - share) * x

    def spread(temper: float) -> float:
        generator = torch.Generator().manual_seed(0)
        noise, rungs = torch.randn(64, 1, 16, 16, generator=generator), ladder("cosine", 50)
        drawn = solve(flat, noise, rungs, solver="dpm-solver++", generator=generator, temper=temper)
        return float(drawn.std())

    assert spread(1.0) < spread(1.02) < spread(1.05) < 0.5


def test_sampling_repeats_with_its_generator() -> None:
    def draw(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return sample(lambda x, t: x, (2, 1, 4, 4), schedule="cosine", solver="ddpm", calls=3, generator=generator)

    assert torch.equal(draw(5), draw(5))
    assert not torch.equal(draw(5), draw(6))


def test_an_unknown_solver_is_refused_with_those_known() -> None:
    with pytest.raises(InputError, match=r"dpm-solver\+\+, ddim, ddpm"):
        sample(lambda x, t: x, (1, 1, 2, 2), schedule="cosine", solver="euler", calls=2, generator=torch.Generator())
