# Sourced: runs suites one after the other, counts, and reports.
#
# Every suite adds lines "NAME PASSED FAILED" or "NAME-BUILD PASSED FAILED" to
# $results/summary, and to $results/failed a line "NAME: COMMAND" for each test
# that failed: the command runs it alone.  report prints these, each suite's sum
# and the total, and fails if anything failed.

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

# failed_alone NAME COMMAND...: what failed, and what runs just that.
failed_alone() {
    echo "$1: ${*:2}" >>"$results/failed"
}

# step NAME COMMAND...: one thing that either works or does not.  It is run alone
# by the command, or, if that is a function, by $step_alone NAME.
step() {
    local name=$1 began=$SECONDS
    shift
    headline "$name"
    if "$@"; then
        count "$name" 1 0
        echo "$name: $((SECONDS - began)) s"
    else
        count "$name" 0 1
        case $1 in
        */*) failed_alone "$name" "$@" ;;
        *) failed_alone "$name" "${step_alone:-$0}" "$name" ;;
        esac
        return 1
    fi
}

# skip NAME REASON: what this machine cannot show; report repeats it.
skip() {
    echo "$1: skipped: $2" | tee -a "$results/skipped"
}

# count_junit NAME FILE COMMAND...: what a JUnit file says; a missing file is a
# failure.  Skipped tests are told with their reasons.  COMMAND and what
# count-tests says of a test that failed run it alone.
count_junit() {
    local name=$1 file=$2 line
    shift 2
    if [ ! -e "$file" ]; then
        count "$name" 0 1
        failed_alone "$name" "$@"
        return
    fi
    # shellcheck disable=SC2046   # two words
    count "$name" $(/usr/bin/python3 scripts/count-tests "$file" || echo 0 1)
    while read -r line; do
        skip "$name" "$line"
    done < <(/usr/bin/python3 scripts/count-tests --skipped "$file")
    while read -r line; do
        failed_alone "$name" "$@$line"
    done < <(/usr/bin/python3 scripts/count-tests --failed "$file")
}

report() {
    headline "Summary"
    [ ! -e "$results/skipped" ] || cat "$results/skipped"
    if [ -e "$results/failed" ]; then
        echo "Failed; each is run alone by the command beside it:"
        sed 's/^/  /' "$results/failed"
    fi
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
