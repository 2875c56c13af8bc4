"""Pairs of twins that a sequential test reads of photos before it claims.

150 photos, one of two versions of each published by a coin: all of them used, or none. Betting and
the prior-posterior ratio stop as soon as they can claim; the exact binomial threshold reads all.
Each seed has its own photos, secret and victim.
"""

import polars as pl

from experiments import Expected

TEST, USED = "audit/test", "marking.used"

EXPECTED = [
    Expected({USED: 150, TEST: "twins_betting"}, "pairs_read", 7.0, 4.0),
    Expected({USED: 150, TEST: "twins_pprm"}, "pairs_read", 12.8, 8.0),
    Expected({USED: 0, TEST: "twins_betting"}, "claimed", 0.0, 1.0),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    cells = runs.group_by(USED, TEST, maintain_order=True).agg(
        seeds=pl.len(),
        claimed=pl.col("claim").sum(),
        pairs_read=pl.col("pairs_read").mean(),
        pairs_least=pl.col("pairs_read").min(),
        pairs_most=pl.col("pairs_read").max(),
        log10_p=pl.col("log10_p").mean(),
        **{name: pl.col(name).mean() for name in ("train_loss", "utility", "psnr")},
        date=pl.col("date").max(),
    )
    return cells.sort(USED, TEST, descending=[True, False])


def draw(table: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {
            "photos used": row[USED],
            "test": row[TEST],
            "claimed": f"{row['claimed']} of {row['seeds']}",
            "pairs read (least, most)": f"{row['pairs_read']:.0f} "
            f"({row['pairs_least']}, {row['pairs_most']}) of 150",
        }
        for row in table.iter_rows(named=True)
    ]
    return pl.DataFrame(rows)
