package dev.hydra.composer.config;

import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import java.util.List;
import java.util.Map;

/**
 * Comments as the library's renderer writes them: a space before those of a list's element, whether
 * they begin with one or not, so that each reading and rendering would add one. Those of an
 * object's field stay as they are.
 */
final class RenderedComments {
  private RenderedComments() {}

  /** Takes the space from which comments of elements begin off, in all that is in an object. */
  static ConfigObject of(ConfigObject object) {
    ConfigObject written = object;
    for (Map.Entry<String, ConfigValue> each : object.entrySet()) {
      written = written.withValue(each.getKey(), inside(each.getValue()));
    }
    return written;
  }

  private static ConfigValue inside(ConfigValue value) {
    if (value instanceof ConfigObject object) {
      return of(object);
    } else if (value instanceof ConfigList list) {
      return ConfigValueFactory.fromIterable(list.stream().map(RenderedComments::element).toList())
          .withOrigin(list.origin());
    }
    return value;
  }

  private static ConfigValue element(ConfigValue value) {
    ConfigOrigin origin = value.origin();
    List<String> comments =
        origin.comments().stream()
            .map(comment -> comment.startsWith(" ") ? comment.substring(1) : comment)
            .toList();
    return inside(value).withOrigin(origin.withComments(comments));
  }
}
