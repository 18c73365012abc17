"""The checks, one module a family; each sentence of the contract has one."""
