"""Few cases out of many: every two values meet in one of them.

A fault of one value shows wherever that value is, a fault of two wherever they meet. All products of three or
four such lists cost many times as much and find what hangs on three values at once.
"""

import itertools


def every_two(*axes):
    """Cases (tuples, a value of each axis) in which every two values of any two axes meet.

    They are the product of the two longest axes, in which the others run along diagonals; what does not meet
    there gets a case of its own.
    """
    axes = [list(axis) for axis in axes]
    row, column, *others = sorted(range(len(axes)), key=lambda k: -len(axes[k]))
    cases = []
    for i, j in itertools.product(range(len(axes[row])), range(len(axes[column]))):
        case = {row: i, column: j} | {k: (i + (j >> n)) % len(axes[k]) for n, k in enumerate(others)}
        cases.append(tuple(case[k] for k in range(len(axes))))
    places = list(itertools.combinations(range(len(axes)), 2))
    met = {(a, case[a], b, case[b]) for case in cases for a, b in places}
    for a, b in places:
        for i, j in itertools.product(range(len(axes[a])), range(len(axes[b]))):
            if (a, i, b, j) not in met:
                case = tuple(
                    i if k == a else j if k == b else (i + j) % len(axes[k]) for k in range(len(axes))
                )
                met |= {(one, case[one], two, case[two]) for one, two in places}
                cases.append(case)
    return [tuple(axis[k] for axis, k in zip(axes, case, strict=True)) for case in cases]
