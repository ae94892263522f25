package dev.hydra.composer.model;

/**
 * What components are built from.
 *
 * @param components the component types
 * @param parameters the parameters
 * @param depth the number of blocks
 */
public record SiteContext(Components components, ParameterSource parameters, int depth) {}
