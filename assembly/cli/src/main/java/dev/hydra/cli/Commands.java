package dev.hydra.cli;

import dev.hydra.cli.plugins.PluginJars;
import dev.hydra.composer.Components;
import java.lang.reflect.Constructor;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine;

/** Makes command objects and hands them what their constructors ask for. */
record Commands(Components components, PluginJars jars, NativeFiles natives)
    implements CommandLine.IFactory {
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
      return Optional.of(components);
    }
    if (type == NativeFiles.class) {
      return Optional.of(natives);
    }
    return type == PluginJars.class ? Optional.of(jars) : Optional.empty();
  }
}
