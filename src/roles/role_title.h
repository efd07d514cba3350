/*
 * What ps(1) and systemctl(1) show for one of our processes, and how it changes
 * while the process runs.
 *
 * A process cannot make its command line longer than it was, but for what stands
 * behind it in memory: its environment.  The kernel then shows the command line up
 * to the first NUL (proc_pid_cmdline(5)).  So the master begins a child's
 * environment with a variable that only takes up room.
 */
#ifndef ROLES_ROLE_TITLE_H
#define ROLES_ROLE_TITLE_H

/* The first variable of a child's environment, as execve(2) takes it. */
extern char role_title_room[];

/* `title`: the process's first word, where the kernel has put it. */
void role_title_open(char *title);

/* Adds " (retiring)": the process lets nothing in any more, and finishes what it
 * has.  Does nothing if there is no room. */
void role_title_retire(void);

#endif
