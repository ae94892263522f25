package dev.hydra.composer;

/**
 * What all sites of a model share.
 *
 * @param components the component types
 * @param store the parameters
 * @param depth the number of blocks
 */
record SiteContext(Components components, ParameterStore store, int depth) {}
