"""The mutation tester's tables name what there is."""

from tools.mutants import NAMED, ROOT, SOURCE, TESTS, named


def test_modules_and_their_tests_exist():
    for module, tests in TESTS.items():
        assert (SOURCE / f"{module}.py").is_file(), module
        for name in tests:
            assert (ROOT / "tests" / f"{name}.py").is_file(), name


def test_the_mutants_that_are_always_tried_can_be_made():
    assert NAMED.keys() <= TESTS.keys()
    for module, (name, _) in NAMED.items():
        mutant = named(module)
        assert mutant is not None
        assert mutant.before == f"{name}(...)"
        mutant.code()
