let
  lib = {
    importJSON = path: builtins.fromJSON (builtins.readFile path);
    inherit (builtins)
      any
      concatMap
      filter
      head
      toJSON
      ;
    hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
    genAttrs =
      names: make:
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value = make name;
        }) names
      );
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    optionalString = condition: text: if condition then text else "";
    concatStringsSep = builtins.concatStringsSep;
    concatMapStringsSep =
      separator: make: list:
      builtins.concatStringsSep separator (map make list);
    mapAttrsToList = make: set: map (name: make name set.${name}) (builtins.attrNames set);
    escapeShellArg = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
    escapeShellArgs = list: lib.concatMapStringsSep " " lib.escapeShellArg list;
    licenses.mit.spdxId = "MIT";
    fetchers.proxyImpureEnvVars = [
      "http_proxy"
      "https_proxy"
      "ftp_proxy"
      "all_proxy"
      "no_proxy"
    ];
    makeOverridable =
      function: arguments:
      let
        result = function arguments;
        override =
          changes:
          lib.makeOverridable function (
            arguments // (if builtins.isFunction changes then changes arguments else changes)
          );
      in
      if builtins.isAttrs result then result // { inherit override; } else result;
  };
in
lib
