# Sourced: runs suites one after the other, counts, and reports.
#
# Every suite adds lines "NAME PASSED FAILED" or "NAME-BUILD PASSED FAILED" to
# $results/summary; report prints each suite's sum and the total, and fails if
# anything failed.

# shellcheck shell=bash
results=${RESULTS:-build/test-results}

headline() {
    printf '\n==> %s\n' "$*"
}

# count NAME PASSED FAILED
count() {
    echo "$1 $2 $3" >>"$results/summary"
    echo "$1: $2 passed, $3 failed"
}

# step NAME COMMAND...: one thing that either works or does not.
step() {
    local name=$1
    shift
    headline "$name"
    if "$@"; then
        count "$name" 1 0
    else
        count "$name" 0 1
        return 1
    fi
}

# skip NAME REASON: what this machine cannot show; report repeats it.
skip() {
    echo "$1: skipped: $2" | tee -a "$results/skipped"
}

# count_junit NAME FILE: what a JUnit file says; a missing file is a failure.
# Skipped tests are told with their reasons.
count_junit() {
    local why
    # shellcheck disable=SC2046   # two words
    count "$1" $(/usr/bin/python3 scripts/count-tests "$2" || echo 0 1)
    [ -e "$2" ] || return 0
    while read -r why; do
        skip "$1" "$why"
    done < <(/usr/bin/python3 scripts/count-tests --skipped "$2")
}

report() {
    headline "Summary"
    [ ! -e "$results/skipped" ] || cat "$results/skipped"
    awk '{
        sub(/-.*/, "", $1)
        if (!($1 in passed)) order[++suites] = $1
        passed[$1] += $2; failed[$1] += $3
        all_passed += $2; all_failed += $3
    }
    END {
        for (i = 1; i <= suites; i++)
            printf "%s: %d passed, %d failed\n", order[i],
                passed[order[i]], failed[order[i]]
        printf "%d passed, %d failed\n", all_passed, all_failed
        exit all_failed > 0 || all_passed == 0
    }' "$results/summary"
}
