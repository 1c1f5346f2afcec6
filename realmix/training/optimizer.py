"""A torch optimizer with its schedule, weight decay on kernels, and one verb: minimize."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from realmix.contract.algorithm import Recipe
from realmix.functional.schedules import cosine, ramp_up
from realmix.models.tuned.network import Tuned
from realmix.training.fix_a_step import agreeing
from realmix.training.parallel import Divided, sum_over_processes

SCHEDULES = {"constant": lambda progress: 1.0, "cosine": cosine}


class Optimizer:
    """Trains the parameters of some modules as a recipe says.

    Weight decay acts on kernels (two or more dimensions) only, not on biases and normalization, as
    in MixMatch's and FixMatch's code: for "adam" the weights shrink by learning_rate * decay a
    step, for "sgd" the gradient of decay / 2 |w|^2 is added.

    The layers of an encoder that is tuned learn the more slowly the lower they are (layer-wise
    learning-rate decay, Clark et al., 2020): at depth d below the head at layer_decay^d of the
    rate.

    Args:
        modules: what to train, but for what is in those apart.
        recipe: optimizer, learning rate, weight decay, schedule.
        apart: modules, by name, that each have an optimizer of their own by the same recipe.
    """

    def __init__(
        self,
        modules: Iterable[nn.Module],
        recipe: Recipe,
        apart: Mapping[str, nn.Module] | None = None,
    ) -> None:
        self.apart = {name: Optimizer([own], recipe) for name, own in (apart or {}).items()}
        theirs = {id(p) for own in (apart or {}).values() for p in own.parameters()}
        modules = list(modules)

        def trained(module: nn.Module) -> list[nn.Parameter]:
            return [p for p in module.parameters() if p.requires_grad and id(p) not in theirs]

        self.parameters = [p for module in modules for p in trained(module)]
        # the other parameters (an algorithm's heads) see all examples in every process
        self.divided = [
            p
            for module in modules
            for network in module.modules()
            if isinstance(network, Divided)
            for p in trained(network)
        ]
        self.recipe = recipe
        groups = _groups(self.parameters, _depths(modules), recipe)
        # fused, where the device has it, is one kernel for all parameters; foreach is the default
        fused = all(p.device.type in ("cpu", "cuda") for p in self.parameters)
        lr = recipe.learning_rate
        self.torch: torch.optim.Optimizer
        if recipe.optimizer == "adam":
            self.torch = torch.optim.AdamW(groups, lr=lr, fused=fused)
        else:
            self.torch = torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True, fused=fused)

    def anneal(self, progress: float) -> None:
        """Set the learning rate for that share of training."""
        recipe = self.recipe
        rate = recipe.learning_rate * SCHEDULES[recipe.schedule](progress)
        rate *= ramp_up(progress, recipe.rate_warm_up)
        for group in self.torch.param_groups:
            group["lr"] = rate * group["share"]
        for other in self.apart.values():
            other.anneal(progress)

    def minimize(self, loss: Tensor, labeled: Tensor | None = None) -> None:
        """One step down the gradient of `loss`, a scalar.

        Args:
            loss: all of it.
            labeled: the part that is the labels' own, for a recipe with `pool_gradient` "agreeing".
        """
        self.torch.zero_grad(set_to_none=True)
        guided = labeled is not None and self.recipe.pool_gradient == "agreeing"
        own = self._gradients(labeled) if labeled is not None and guided else []
        loss.backward()  # type: ignore[no-untyped-call]
        sum_over_processes([p.grad for p in self.divided if p.grad is not None])
        if guided:
            agreeing(self.parameters, own)
        self.torch.step()

    def _gradients(self, loss: Tensor) -> list[Tensor]:
        """Of each parameter, from all processes; zeros where the loss does not depend on it."""
        found = torch.autograd.grad(
            loss, self.parameters, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        divided = set(map(id, self.divided))
        pairs = zip(self.parameters, found, strict=True)
        sum_over_processes([gradient for p, gradient in pairs if id(p) in divided])
        return list(found)

    def state(self) -> dict[str, Tensor]:
        """What the optimizer remembers, by "<parameter number>.<name>", and those apart."""
        state = self.torch.state_dict()["state"]
        own = {f"{i}.{name}": value for i, kept in state.items() for name, value in kept.items()}
        for apart, other in self.apart.items():
            own |= {f"{apart}.{key}": value for key, value in other.state().items()}
        return own

    def load(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
        for apart, other in self.apart.items():
            start = f"{apart}."
            theirs = {key: value for key, value in state.items() if key.startswith(start)}
            other.load({key.removeprefix(start): value for key, value in theirs.items()})
            state = {key: value for key, value in state.items() if key not in theirs}
        memory: dict[int, dict[str, Tensor]] = {}
        ordered = [p for group in self.torch.param_groups for p in group["params"]]
        for key, value in state.items():
            number, name = key.split(".", 1)
            like = ordered[int(number)]
            if value.shape == like.shape:
                # fused kernels walk through memory: the layout must be the parameter's
                value = torch.empty_like(like).copy_(value)
            memory.setdefault(int(number), {})[name] = value
        groups = self.torch.state_dict()["param_groups"]
        self.torch.load_state_dict({"state": memory, "param_groups": groups})


def _depths(modules: Iterable[nn.Module]) -> dict[int, int]:
    """How many layers each parameter of an encoder is below its head, by id."""
    parts = (part for module in modules for part in module.modules())
    tuned = (part for part in parts if isinstance(part, Tuned))
    return {id(value): depth for network in tuned for value, depth in network.depths()}


def _groups(
    parameters: Sequence[nn.Parameter], depths: Mapping[int, int], recipe: Recipe
) -> list[dict[str, Any]]:
    """By depth, kernels and others; those of a depth learn at layer_decay^depth of the rate."""
    groups = []
    for depth in sorted({0, *(depths.get(id(p), 0) for p in parameters)}):
        here = [p for p in parameters if depths.get(id(p), 0) == depth]
        share = recipe.layer_decay**depth
        kernels, others = [p for p in here if p.ndim > 1], [p for p in here if p.ndim <= 1]
        decay = recipe.weight_decay
        groups.append({"params": kernels, "weight_decay": decay, "share": share})
        groups.append({"params": others, "weight_decay": 0.0, "share": share})
    return groups
