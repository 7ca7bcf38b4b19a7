// SPDX-License-Identifier: MIT
// The smallest app: says hello, repeats its arguments, and ends with the status in the first one.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    printf("hello from ring 0\n");
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    return argc > 1 ? atoi(argv[1]) : 0;
}
