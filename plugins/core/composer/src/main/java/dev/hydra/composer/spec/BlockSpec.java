package dev.hydra.composer.spec;

import java.util.List;

/**
 * One block as configured.
 *
 * @param topology how its paths are put together
 * @param paths its paths, in order
 */
public record BlockSpec(Topology topology, List<PathSpec> paths) {}
