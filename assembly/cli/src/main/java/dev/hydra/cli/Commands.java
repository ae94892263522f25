package dev.hydra.cli;

import dev.hydra.api.PluginRegistry;
import dev.hydra.api.host.NativeLibraries;
import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.model.Components;
import java.lang.reflect.Constructor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine;

/** Makes command objects and hands them what their constructors ask for. */
record Commands(PluginJars jars, NativeLibraries natives) implements CommandLine.IFactory {
  @Override
  public <K> K create(Class<K> type) throws Exception {
    for (Constructor<?> constructor : type.getDeclaredConstructors()) {
      List<Optional<Object>> arguments =
          Arrays.stream(constructor.getParameterTypes()).map(this::argument).toList();
      if (!arguments.isEmpty() && arguments.stream().allMatch(Optional::isPresent)) {
        return type.cast(
            constructor.newInstance(arguments.stream().map(Optional::orElseThrow).toArray()));
      }
    }
    return CommandLine.defaultFactory().create(type);
  }

  private Optional<Object> argument(Class<?> type) {
    if (type == Components.class) {
      return Optional.of(jars.components(Map.of()));
    }
    if (type == PluginRegistry.class) {
      return Optional.of(jars.registry());
    }
    if (type == NativeLibraries.class) {
      return Optional.of(natives);
    }
    return type == PluginJars.class ? Optional.of(jars) : Optional.empty();
  }
}
