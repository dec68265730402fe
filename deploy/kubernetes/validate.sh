#!/usr/bin/env bash
# Validates the manifests against the schemas of Kubernetes, strictly (unknown fields are errors). Fetches the schemas, as a
# Python package from PyPI, into build/kubernetes-validate; needs python3-venv.
#
#   deploy/kubernetes/validate.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

venv=build/kubernetes-validate
if [[ ! -x $venv/bin/kubernetes-validate ]]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet 'kubernetes-validate==1.31.0' 'setuptools<81'
fi
for version in 1.27 1.31; do
  "$venv/bin/kubernetes-validate" --strict -k "$version" deploy/kubernetes/*.yaml
done
