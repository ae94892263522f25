package dev.hydra.composer.model;

/**
 * The context in which components are built.
 *
 * @param components the component types
 * @param parameters the parameters
 * @param depth the number of blocks
 */
public record SiteContext(Components components, ParameterSource parameters, int depth) {}
